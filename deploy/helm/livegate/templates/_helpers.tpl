{{/* The name of most objects: the release's, with the chart's if it is not a part of it. */}}
{{- define "livegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The labels that select all pods of this release but those of its Valkey. */}}
{{- define "livegate.release" -}}
app.kubernetes.io/name: livegate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The labels that select the pods of the service. */}}
{{- define "livegate.selector" -}}
{{ include "livegate.release" . }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "livegate.valkeySelector" -}}
app.kubernetes.io/name: livegate-valkey
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The metadata of an object. Arguments: a list of the root, the suffix of the name, and labels. */}}
{{- define "livegate.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "livegate.fullname" $root }}{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- index . 2 | nindent 2 }}
  {{- include "livegate.versionLabels" $root | nindent 2 }}
{{- end -}}

{{- define "livegate.versionLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "livegate.image" -}}
{{- .repository -}}
{{- with .tag }}:{{ . }}{{ end -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}

{{/* Both kinds of pods run under the Pod Security Standard "restricted". */}}
{{- define "livegate.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "livegate.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
{{- end -}}

{{/* Where the pods of the service and of the Valkey run. */}}
{{- define "livegate.scheduling" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
# Replace pods of a lost node after 30 s instead of five minutes, the default.
tolerations:
  - key: node.kubernetes.io/not-ready
    operator: Exists
    effect: NoExecute
    tolerationSeconds: 30
  - key: node.kubernetes.io/unreachable
    operator: Exists
    effect: NoExecute
    tolerationSeconds: 30
{{- with .Values.tolerations }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
