{{/*
The operator's settings that are only given when there is something to say, as a map of environment variables. A
repeatable option is one variable with its values separated by commas.
*/}}
{{- define "gagarin.instanceSettings" -}}
{{- $instances := .Values.instances -}}
{{- $policy := .Values.policy -}}
{{- $mirrors := list -}}
{{- range $instances.imageMirrors }}{{ $mirrors = append $mirrors (printf "%s=%s" .from .to) }}{{ end -}}
{{- $secrets := list -}}
{{- range $instances.imagePullSecrets }}{{ $secrets = append $secrets .name }}{{ end -}}
{{- $settings := dict
  "GAGARIN_INSTANCE_HTTP_PROXY" $instances.proxy.http
  "GAGARIN_INSTANCE_HTTPS_PROXY" $instances.proxy.https
  "GAGARIN_INSTANCE_NO_PROXY" $instances.proxy.noProxy
  "GAGARIN_INSTANCE_CA_BUNDLE" (ternary "/etc/gagarin/ca-bundle.pem" "" (not (empty $instances.caBundle)))
  "GAGARIN_INSTANCE_FS_GROUP" (include "gagarin.whole" $instances.fsGroup)
  "GAGARIN_INSTANCE_RUN_AS_USER" (include "gagarin.whole" $instances.runAsUser)
  "GAGARIN_API_SERVER_CIDR" (join "," $instances.apiServerCIDRs)
  "GAGARIN_IMAGE_MIRROR" (join "," $mirrors)
  "GAGARIN_INSTANCE_IMAGE_PULL_SECRET" (join "," $secrets)
  "GAGARIN_POLICY_STDIO_IMAGE_PREFIX" (join "," $policy.stdioImages)
  "GAGARIN_POLICY_ANNOTATION_PREFIX" (join "," $policy.annotationPrefixes)
  "GAGARIN_POLICY_SECRET_LABEL" $policy.secretLabel
  "GAGARIN_TOKEN_REVIEW" (ternary "true" "" .Values.auth.tokenReview)
-}}
{{- range $name, $value := $settings }}{{ if not $value }}{{ $_ := unset $settings $name }}{{ end }}{{ end -}}
{{- toYaml $settings -}}
{{- end -}}

{{/* A changed bundle has to start the operator anew: it reads the file once. */}}
{{- define "gagarin.podAnnotations" -}}
{{- $annotations := .Values.podAnnotations -}}
{{- with .Values.instances.caBundle -}}
{{- $annotations = merge (dict "gagarin.fyodorov.ai/settings" (sha256sum . | trunc 10)) $annotations -}}
{{- end -}}
{{- toYaml $annotations -}}
{{- end -}}

{{/* A whole number as text, or nothing. */}}
{{- define "gagarin.whole" -}}
{{- if kindIs "invalid" . }}{{ else }}{{ int64 . }}{{ end -}}
{{- end -}}
