#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Writes a trusted list (ETSI TS 119 612) as another program would, signed with XAdES over canonical forms that Python's
own library makes: `xades.py LIST.xml SIGNER.pem`. The list is full of what canonical forms are about, but that one
namespace has one prefix: that library makes two the same."""

import base64
import hashlib
import sys
from datetime import datetime, timedelta, timezone
from xml.etree.ElementTree import canonicalize

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

DS, XADES = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#"
EXCLUSIVE, SHA256 = "http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/04/xmlenc#sha256"
now = datetime.now(timezone.utc).replace(microsecond=0)
stamp = lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ")

BODY = f"""<?xml version="1.0" encoding="UTF-8"?>
<?style  of a list ?>
<tsl:TrustServiceStatusList xmlns:unused="urn:unused" TSLTag='a "tag"&#9;' xmlns:tsl="http://uri.etsi.org/02231/v2#"
    Id = "list" >
  <!-- what is left out -->
  <tsl:SchemeInformation xmlns="urn:default:unused"><tsl:TSLVersionIdentifier>5</tsl:TSLVersionIdentifier>
    <tsl:TSLSequenceNumber>12</tsl:TSLSequenceNumber>
    <tsl:SchemeOperatorName><tsl:Name xml:lang="en">An Authority</tsl:Name></tsl:SchemeOperatorName>
    <tsl:SchemeTerritory>SE</tsl:SchemeTerritory>
    <tsl:ListIssueDateTime>{stamp(now - timedelta(hours=1))}</tsl:ListIssueDateTime>
    <tsl:NextUpdate><tsl:dateTime>{stamp(now + timedelta(days=90))}</tsl:dateTime></tsl:NextUpdate>
  </tsl:SchemeInformation>
  <tsl:TrustServiceProviderList><tsl:TrustServiceProvider><tsl:TSPInformation>
      <tsl:TSPName><tsl:Name xml:lang="sv">F&#246;retaget &lt;A&gt; <![CDATA[& B]]></tsl:Name></tsl:TSPName>
      <tsl:TSPTradeName><tsl:Name xml:lang="en">VATSE-556000000001</tsl:Name></tsl:TSPTradeName>
      <tsl:TSPInformationURI><tsl:URI xml:lang="en">https://a.example/?x=1&amp;y="2"</tsl:URI></tsl:TSPInformationURI>
    </tsl:TSPInformation><tsl:TSPServices><tsl:TSPService><tsl:ServiceInformation>
      <tsl:ServiceTypeIdentifier>http://types.example/CA</tsl:ServiceTypeIdentifier>
      <tsl:ServiceStatus>http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted</tsl:ServiceStatus>
      <tsl:StatusStartingTime>2025-01-01T00:00:00Z</tsl:StatusStartingTime>
      <tsl:ServiceSupplyPoints/></tsl:ServiceInformation></tsl:TSPService></tsl:TSPServices></tsl:TrustServiceProvider>
  </tsl:TrustServiceProviderList>
{{signature}}</tsl:TrustServiceStatusList>
"""


def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def main(path, pem):
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
                      x509.NameAttribute(NameOID.ORGANIZATION_NAME, "An Authority")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365))
    certificate = builder.sign(key, hashes.SHA256())
    der = certificate.public_bytes(serialization.Encoding.DER)
    # The white space between elements of SignedInfo is signed with them.
    properties = f"""<xades:SignedProperties xmlns:ds="{DS}" xmlns:xades="{XADES}" Id="p">
      <xades:SignedSignatureProperties><xades:SigningTime>{stamp(now)}</xades:SigningTime><xades:SigningCertificateV2>
      <xades:Cert><xades:CertDigest><ds:DigestMethod Algorithm="{SHA256}"/>
      <ds:DigestValue>{digest(der)}</ds:DigestValue></xades:CertDigest></xades:Cert></xades:SigningCertificateV2>
      </xades:SignedSignatureProperties></xades:SignedProperties>"""
    method = f'<ds:DigestMethod Algorithm="{SHA256}"/>'
    canonical = lambda text: canonicalize(text).encode()
    info = f"""<ds:SignedInfo xmlns:ds="{DS}">
      <ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>
      <ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
      <ds:Reference Id="r1" URI=""><ds:Transforms><ds:Transform Algorithm="{DS}enveloped-signature"/>
        <ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>{method}
        <ds:DigestValue>{digest(canonical(BODY.format(signature="")))}</ds:DigestValue></ds:Reference>
      <ds:Reference Type="http://uri.etsi.org/01903#SignedProperties" URI="#p"><ds:Transforms>
        <ds:Transform Algorithm="{EXCLUSIVE}"/></ds:Transforms>{method}
        <ds:DigestValue>{digest(canonical(properties))}</ds:DigestValue></ds:Reference></ds:SignedInfo>"""
    value = base64.encodebytes(key.sign(canonical(info), padding.PKCS1v15(), hashes.SHA256())).decode()
    signature = f"""<ds:Signature xmlns:ds="{DS}" Id="s">{info}<ds:SignatureValue>
{value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{base64.b64encode(der).decode()}</ds:X509Certificate>
      </ds:X509Data></ds:KeyInfo><ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#s">
      {properties}</xades:QualifyingProperties></ds:Object></ds:Signature>"""
    with open(path, "w", encoding="utf-8") as out:
        out.write(BODY.format(signature=signature))
    with open(pem, "wb") as out:
        out.write(certificate.public_bytes(serialization.Encoding.PEM))


main(*sys.argv[1:])
