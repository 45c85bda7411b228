{{/* charterd's configuration file, from values: keys are its own, in snake case. */}}

{{/* A value in TOML: JSON of a scalar or a list is the same there, of a map it is not. */}}
{{- define "charter.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{ range $i, $key := keys . | sortAlpha }}{{ if $i }}, {{ end }}{{ $key | toJson }} = {{ include "charter.toml.value" (index $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $i, $one := . }}{{ if $i }}, {{ end }}{{ include "charter.toml.value" $one }}{{ end }}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end -}}

{{- define "charter.toml.keys" -}}
{{- range $key := keys . | sortAlpha }}
{{- $value := index $ $key }}
{{- if not (kindIs "invalid" $value) }}
{{ $key }} = {{ include "charter.toml.value" $value }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "charter.toml.section" -}}
[{{ .name }}]
{{- include "charter.toml.keys" .keys }}
{{ end -}}

{{/* Hosts of the database, nearest first: those named, else the instances of the cluster that is made here. */}}
{{- define "charter.hosts" -}}
{{- $hosts := .Values.database.hosts | default list -}}
{{- if and (not $hosts) .Values.postgresql.enabled -}}
{{- range $number := .Values.postgresql.nodes -}}
{{- $hosts = append $hosts (include "charter.node" (dict "root" $ "number" $number)) -}}
{{- end -}}
{{- end -}}
{{- if and (not $hosts) (not .Values.database.runtime.uriKey) -}}
{{- fail "database: name `database.hosts`, a `database.runtime.uriKey`, or set `postgresql.enabled`" -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end -}}

{{/* Its connection string for a role, whose user and password are in the variables named by `prefix`. */}}
{{- define "charter.connection" -}}
{{- $database := .root.Values.database -}}
{{- printf "host=%s port=%d dbname=%s user='$(%s_USER)' password='$(%s_PASSWORD)'%s" (include "charter.hosts" .root) (int $database.port) $database.name .prefix .prefix .more -}}
{{- end -}}

{{/* Settings that the chart decides lie over what `settings` says. */}}
{{- define "charter.config" -}}
{{- $keys := dict "kek_file" "/etc/charter/secrets/kek" -}}
{{- $store := dict "dir" "/var/lib/charter/log" -}}
{{- $token := dict "token_file" (.Values.secrets.bootstrapToken | ternary "/etc/charter/secrets/bootstrap-token" "/var/lib/charter/bootstrap-token") -}}
{{- $own := dict "keys" $keys "log_store" $store "bootstrap" $token -}}
{{- if .Values.database.caSecret -}}
{{- $_ := set $own "database" (dict "ca_file" "/etc/charter/database-ca/ca.crt") -}}
{{- end -}}
{{- if .Values.redis.enabled -}}
{{- $_ := set $own "redis" (dict "secret_file" "/etc/charter/secrets/redis-secret") -}}
{{- end -}}
{{- if .Values.listeners.peer.enabled -}}
{{- $_ := set $own "peer_tls" (dict "cert_file" "/etc/charter/peer-tls/tls.crt" "key_file" "/etc/charter/peer-tls/tls.key") -}}
{{- end -}}
{{- $settings := mergeOverwrite (deepCopy .Values.settings) $own -}}
{{- if .Values.oidc }}oidc = {{ include "charter.toml.value" .Values.oidc }}
{{ end -}}
{{- range $name := keys $settings | sortAlpha }}
{{ include "charter.toml.section" (dict "name" $name "keys" (index $settings $name)) }}
{{- end }}
[[registries]]
{{- include "charter.toml.keys" .Values.registry }}
{{ $registry := .Values.registry.authority_id }}
{{- $tls := .Values.listeners.public.tls.existingSecret }}
{{- $bind := contains ":" .Values.listeners.bind | ternary (printf "[%s]" .Values.listeners.bind) .Values.listeners.bind }}
{{- $services := list "public" }}
{{- if .Values.listeners.public.openPeers }}{{ $services = append $services "peer" }}{{ end }}
[[listeners]]
address = "{{ $bind }}:7100"
registry = {{ $registry | toJson }}
services = {{ $services | toJson }}
{{- if .Values.listeners.public.openPeers }}
open_peers = true
{{- end }}
{{- if $tls }}
tls = { cert_file = "/etc/charter/tls/tls.crt", key_file = "/etc/charter/tls/tls.key" }
{{- end }}
{{- if .Values.listeners.peer.enabled }}

[[listeners]]
address = "{{ $bind }}:7101"
registry = {{ $registry | toJson }}
services = ["peer"]
tls = { cert_file = "/etc/charter/peer-tls/tls.crt", key_file = "/etc/charter/peer-tls/tls.key", client_auth = "pinned" }
{{- end }}

[[listeners]]
address = "{{ $bind }}:7102"
registry = {{ $registry | toJson }}
services = ["staff"]
{{- end -}}
