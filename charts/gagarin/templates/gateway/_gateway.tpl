{{- define "gagarin.gateway" -}}
{{ include "gagarin.fullname" . }}-gateway
{{- end -}}

{{- define "gagarin.gatewaySelector" -}}
app.kubernetes.io/name: gagarin
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "gagarin.gatewayLabels" -}}
{{- merge (include "gagarin.gatewaySelector" . | fromYaml) (include "gagarin.sharedLabels" . | fromYaml) | toYaml -}}
{{- end -}}

{{/* The namespaces whose Instances it may speak to; none: all of them. */}}
{{- define "gagarin.gatewayNamespaces" -}}
{{- default .Values.watchNamespaces .Values.gateway.namespaces | toJson -}}
{{- end -}}

{{/* It reads the file of authorities once: a changed one has to start it anew. */}}
{{- define "gagarin.gatewayAnnotations" -}}
{{- $own := dict -}}
{{- with .Values.gateway.caBundle -}}
{{- $own = dict "gagarin.fyodorov.ai/settings" (sha256sum . | trunc 10) -}}
{{- end -}}
{{- merge $own .Values.gateway.podAnnotations | toYaml -}}
{{- end -}}
