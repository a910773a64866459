{{/* The Secret with tls.crt, tls.key and ca.crt. */}}
{{- define "livegate.tlsSecret" -}}
{{- .Values.tls.secretName | default (printf "%s-tls" (include "livegate.fullname" .)) -}}
{{- end -}}

{{/* The Secret with the password of the store; empty if there is none. */}}
{{- define "livegate.storeSecret" -}}
{{- if .Values.store.passwordSecret -}}
{{- .Values.store.passwordSecret -}}
{{- else if .Values.valkey.enabled -}}
{{- include "livegate.fullname" . }}-valkey
{{- end -}}
{{- end -}}

{{/*
The settings that follow from the other values, as JSON. `config` overrides them, so that the
file and the pod differ only where an operator says so.
*/}}
{{- define "livegate.derived" -}}
{{- $derived := dict "grpc" (dict "listen" "0.0.0.0:50051") "admin" (dict "listen" "0.0.0.0:9464") -}}
{{- if .Values.tls.enabled -}}
{{- $files := dict "certificate" "/etc/livegate-tls/tls.crt" "key" "/etc/livegate-tls/tls.key" -}}
{{- if .Values.tls.clientCertificates -}}
{{- $_ := set $files "client_ca" "/etc/livegate-tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $derived.grpc "tls" $files -}}
{{- end -}}
{{- if .Values.jwks.fromApiServer -}}
{{- $directory := "/var/run/secrets/livegate/api-server" -}}
{{- $jwt := dict "jwks_url" "https://kubernetes.default.svc/openid/v1/jwks" "jwks_ca_file" (printf "%s/ca.crt" $directory) "jwks_token_file" (printf "%s/token" $directory) -}}
{{- $_ := set $derived "auth" (dict "jwt" $jwt) -}}
{{- end -}}
{{- if .Values.resultTokenKeys.secretName -}}
{{- $files := list -}}
{{- range .Values.resultTokenKeys.keys -}}
{{- $files = append $files (printf "/var/run/secrets/livegate/result-token-keys/%s" .) -}}
{{- end -}}
{{- $_ := set $derived "results" (dict "token_key_files" $files) -}}
{{- end -}}
{{- if .Values.auditDigestKey.secretName -}}
{{- $_ := set $derived "audit" (dict "digest_key_file" "/var/run/secrets/livegate/audit/key") -}}
{{- end -}}
{{- $store := dict -}}
{{- if .Values.valkey.enabled -}}
{{- $store = dict "url" (printf "redis://%s-valkey:6379/0" (include "livegate.fullname" .)) -}}
{{- end -}}
{{- if include "livegate.storeSecret" . -}}
{{- $_ := set $store "password_file" "/var/run/secrets/livegate/store/password" -}}
{{- end -}}
{{- if or $store (dig "store" "url" "" .Values.config) -}}
{{- /* One pod more runs during an upgrade. */ -}}
{{- $_ := set $store "max_replicas" (add1 .Values.replicas) -}}
{{- $_ := set $derived "store" $store -}}
{{- end -}}
{{- toJson $derived -}}
{{- end -}}

{{/* The whole configuration, as JSON. */}}
{{- define "livegate.config" -}}
{{- toJson (mustMergeOverwrite (include "livegate.derived" . | fromJson) (deepCopy .Values.config)) -}}
{{- end -}}

{{/* The text of livegate.toml. */}}
{{- define "livegate.configFile" -}}
{{- include "livegate.toml" (list "" (include "livegate.config" . | fromJson)) | trim }}
{{ end -}}

{{/*
A table as TOML: first its values, then its tables. Arguments: a list of the path and the
table. Helm's toToml is no help, because it writes all numbers with a fraction. A string or
list in the form of JSON is TOML too.
*/}}
{{- define "livegate.toml" -}}
{{- $path := index . 0 -}}
{{- $values := list -}}
{{- $tables := list -}}
{{- range $key, $value := index . 1 -}}
{{- $name := regexMatch "^[A-Za-z0-9_-]+$" $key | ternary $key (toRawJson $key) -}}
{{- if kindIs "map" $value -}}
{{- $tables = append $tables (include "livegate.toml" (list (empty $path | ternary $name (printf "%s.%s" $path $name)) $value)) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $values = append $values (printf "%s = %s" $name (toRawJson $value)) -}}
{{- end -}}
{{- end -}}
{{- if and $path (or $values (not $tables)) }}
[{{ $path }}]
{{ end -}}
{{- range $values -}}
{{ . }}
{{ end -}}
{{- range $tables -}}
{{ . }}
{{- end -}}
{{- end -}}

{{/* The name of the ConfigMap: that of the content, or of the operator's own. */}}
{{- define "livegate.configMap" -}}
{{- if .Values.existingConfigMap -}}
{{- .Values.existingConfigMap -}}
{{- else -}}
{{- include "livegate.fullname" . }}-{{ include "livegate.configFile" . | sha256sum | trunc 10 -}}
{{- end -}}
{{- end -}}

{{/* Combinations that the schema cannot express. */}}
{{- define "livegate.check" -}}
{{- $config := include "livegate.config" . | fromJson -}}
{{- if not .Values.existingConfigMap -}}
{{- if and (gt (int .Values.replicas) 1) (not (dig "store" "url" "" $config)) -}}
{{- fail (printf "replicas = %d: several replicas need a store, or each spends the full quota: set valkey.enabled or config.store.url" (int .Values.replicas)) -}}
{{- end -}}
{{- if and .Values.valkey.enabled (dig "store" "url" "" .Values.config) -}}
{{- fail "valkey.enabled and config.store.url: set one of them" -}}
{{- end -}}
{{- if and (gt (int .Values.replicas) 1) (dig "results" "enabled" false $config) (not .Values.resultTokenKeys.secretName) -}}
{{- fail "config.results.enabled with several replicas: set resultTokenKeys.secretName, or a replica rejects the result tokens of the others" -}}
{{- end -}}
{{- end -}}
{{- end -}}
