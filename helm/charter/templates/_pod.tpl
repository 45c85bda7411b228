{{/* The pod of charterd, the same for a Deployment and a StatefulSet. */}}

{{- define "charter.container.security" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
{{- end -}}

{{- define "charter.env.role" -}}
{{- $secret := index .root.Values.database .role -}}
{{- if $secret.uriKey }}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef: { name: {{ $secret.existingSecret }}, key: {{ $secret.uriKey }} }
{{- else }}
{{- $prefix := upper .role }}
- name: {{ $prefix }}_USER
  valueFrom:
    secretKeyRef: { name: {{ $secret.existingSecret }}, key: username }
- name: {{ $prefix }}_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ $secret.existingSecret }}, key: password }
- name: {{ .variable }}
  value: {{ include "charter.connection" (dict "root" .root "prefix" $prefix "more" .more) | quote }}
{{- end }}
{{- end -}}

{{- define "charter.env" -}}
- name: CHARTER_CONFIG_FILE
  value: /etc/charter/charter.toml
{{- include "charter.env.role" (dict "root" . "role" "runtime" "variable" "CHARTER_DATABASE__URL" "more" "") }}
{{- if .Values.redis.enabled }}
- name: CHARTER_REDIS__URL
  valueFrom:
    secretKeyRef: { name: {{ .Values.redis.existingSecret }}, key: {{ .Values.redis.urlKey }} }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "charter.mounts" -}}
- { name: config, mountPath: /etc/charter/charter.toml, subPath: charter.toml, readOnly: true }
- { name: secrets, mountPath: /etc/charter/secrets, readOnly: true }
{{- if .Values.listeners.public.tls.existingSecret }}
- { name: tls, mountPath: /etc/charter/tls, readOnly: true }
{{- end }}
{{- if .Values.listeners.peer.enabled }}
- { name: peer-tls, mountPath: /etc/charter/peer-tls, readOnly: true }
{{- end }}
{{- if .Values.database.caSecret }}
- { name: database-ca, mountPath: /etc/charter/database-ca, readOnly: true }
{{- end }}
- { name: log, mountPath: /var/lib/charter }
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "charter.migrations" -}}
- name: migrate
  image: {{ include "charter.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [migrate]
  env:
    {{- include "charter.env" . | nindent 4 }}
    {{- $more := contains "," (include "charter.hosts" .) | ternary " target_session_attrs=read-write" "" }}
    {{- if .Values.database.caSecret }}{{ $more = printf "%s sslmode=verify-full sslrootcert=/etc/charter/database-ca/ca.crt" $more }}{{ end }}
    {{- include "charter.env.role" (dict "root" . "role" "owner" "variable" "CHARTER_DATABASE__OWNER_URL" "more" $more) | nindent 4 }}
  securityContext:
    {{- include "charter.container.security" . | nindent 4 }}
  resources:
    {{- toYaml .Values.migrations.resources | nindent 4 }}
  volumeMounts:
    {{- include "charter.mounts" . | nindent 4 }}
{{- end -}}

{{- define "charter.server" -}}
- name: charterd
  image: {{ include "charter.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [serve]
  env:
    {{- include "charter.env" . | nindent 4 }}
  {{- with .Values.extraEnvFrom }}
  envFrom:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ports:
    - { name: public, containerPort: 7100, protocol: TCP }
    {{- if .Values.listeners.peer.enabled }}
    - { name: peer, containerPort: 7101, protocol: TCP }
    {{- end }}
    - { name: staff, containerPort: 7102, protocol: TCP }
  startupProbe:
    httpGet: { path: /livez, port: staff }
    periodSeconds: 5
    timeoutSeconds: 2
    failureThreshold: {{ .Values.probes.startupFailures }}
  livenessProbe:
    httpGet: { path: /livez, port: staff }
    periodSeconds: 10
    timeoutSeconds: 2
    failureThreshold: 3
  readinessProbe:
    {{- if eq .Values.probes.readiness "grpc" }}
    grpc: { port: 7102 }
    {{- else }}
    httpGet: { path: /readyz, port: staff }
    {{- end }}
    periodSeconds: 2
    timeoutSeconds: 2
    failureThreshold: 2
  securityContext:
    {{- include "charter.container.security" . | nindent 4 }}
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  volumeMounts:
    {{- include "charter.mounts" . | nindent 4 }}
{{- with .Values.sidecars }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "charter.volumes" -}}
- name: config
  configMap: { name: {{ include "charter.fullname" . }} }
- name: secrets
  secret:
    secretName: {{ required "secrets.existingSecret: name the Secret with the key-encryption key (`kek`)" .Values.secrets.existingSecret }}
    defaultMode: 0440
{{- if .Values.listeners.public.tls.existingSecret }}
- name: tls
  secret: { secretName: {{ .Values.listeners.public.tls.existingSecret }}, defaultMode: 0440 }
{{- end }}
{{- if .Values.listeners.peer.enabled }}
- name: peer-tls
  secret:
    secretName: {{ required "listeners.peer.tls.existingSecret: registries know each other by keys" .Values.listeners.peer.tls.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- if .Values.database.caSecret }}
- name: database-ca
  secret: { secretName: {{ .Values.database.caSecret }}, defaultMode: 0444 }
{{- end }}
{{- if not .Values.logStore.persistent }}
- name: log
  ephemeral:
    volumeClaimTemplate:
      metadata:
        labels:
          {{- include "charter.selector" . | nindent 10 }}
      spec:
        {{- include "charter.claim" . | nindent 8 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The disk of the transparency log's files. */}}
{{- define "charter.claim" -}}
accessModes: [ReadWriteOnce]
{{- with .Values.logStore.storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .Values.logStore.size }}
{{- end -}}

{{- define "charter.pod" -}}
metadata:
  annotations:
    checksum/config: {{ include "charter.config" . | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- include "charter.labels" . | nindent 4 }}
    app.kubernetes.io/component: server
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "charter.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add (dig "limits" "drain_secs" 30 .Values.settings | int) 15 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if or .Values.migrations.enabled .Values.extraInitContainers }}
  initContainers:
    {{- if .Values.migrations.enabled }}
    {{- include "charter.migrations" . | nindent 4 }}
    {{- end }}
    {{- with .Values.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "charter.server" . | nindent 4 }}
  volumes:
    {{- include "charter.volumes" . | nindent 4 }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .Values.topologySpreadConstraints }}
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "charter.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
{{- end -}}
