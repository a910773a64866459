{{- define "livegate.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (include "livegate.fullname" .) -}}
{{- end -}}

{{- define "livegate.environment" -}}
# Never use the role of the node, only that of the pod.
- name: AWS_EC2_METADATA_DISABLED
  value: "true"
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Directories and not files by subPath: the kubelet updates files by swapping a symlink in the
directory, which a subPath mount does not follow.
*/}}
{{- define "livegate.mounts" -}}
- name: config
  mountPath: /etc/livegate
  readOnly: true
{{- if .Values.tls.enabled }}
- name: tls
  mountPath: /etc/livegate-tls
  readOnly: true
{{- end }}
{{- if .Values.jwks.fromApiServer }}
- name: api-server
  mountPath: /var/run/secrets/livegate/api-server
  readOnly: true
{{- end }}
{{- if include "livegate.storeSecret" . }}
- name: store
  mountPath: /var/run/secrets/livegate/store
  readOnly: true
{{- end }}
{{- if .Values.resultTokenKeys.secretName }}
- name: result-token-keys
  mountPath: /var/run/secrets/livegate/result-token-keys
  readOnly: true
{{- end }}
{{- if .Values.auditDigestKey.secretName }}
- name: audit
  mountPath: /var/run/secrets/livegate/audit
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* One key of a Secret. Arguments: a list of volume, Secret, key and file. */}}
{{- define "livegate.secretVolume" -}}
- name: {{ index . 0 }}
  secret:
    secretName: {{ index . 1 }}
    defaultMode: 0440
    items:
      - key: {{ index . 2 }}
        path: {{ index . 3 }}
{{- end -}}

{{- define "livegate.volumes" -}}
- name: config
  configMap:
    name: {{ include "livegate.configMap" . }}
{{- if .Values.tls.enabled }}
# The certificate, its key, and the certificate authority of the callers. Without this
# Secret the pods do not start.
- name: tls
  secret:
    secretName: {{ include "livegate.tlsSecret" . }}
    defaultMode: 0440
    items:
      - key: tls.crt
        path: tls.crt
      - key: tls.key
        path: tls.key
      {{- if .Values.tls.clientCertificates }}
      - key: ca.crt
        path: ca.crt
      {{- end }}
{{- end }}
{{- if .Values.jwks.fromApiServer }}
# Only for fetching the JWKS of the API server, which every service account can read.
# The token is valid for an hour, and the kubelet renews it in time.
- name: api-server
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- with include "livegate.storeSecret" . }}
{{ include "livegate.secretVolume" (list "store" . $.Values.store.passwordKey "password") }}
{{- end }}
{{- with .Values.resultTokenKeys }}
{{- if .secretName }}
- name: result-token-keys
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
    items:
      {{- range .keys }}
      - key: {{ . }}
        path: {{ . }}
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.auditDigestKey }}
{{- if .secretName }}
{{ include "livegate.secretVolume" (list "audit" .secretName .key "key") }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
