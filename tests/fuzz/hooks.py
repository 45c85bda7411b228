# SPDX-License-Identifier: Apache-2.0 OR MIT
"""What schemathesis does not know of by itself: media types that are JSON by another name."""

import json

import schemathesis


@schemathesis.deserializer("application/did-resolution", "application/did+ld+json")
def did(_context, response):
    return json.loads(response.content)
