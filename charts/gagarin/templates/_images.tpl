{{/* Takes {repository, tag, digest}; gives what a container's `image` says. */}}
{{- define "gagarin.reference" -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag }}
{{- end -}}
{{- end -}}

{{- define "gagarin.image" -}}
{{- $image := .Values.image -}}
{{- include "gagarin.reference" (dict "repository" $image.repository "tag" (default .Chart.AppVersion $image.tag) "digest" $image.digest) -}}
{{- end -}}

{{/* What is not said for the Instances' image is the operator's, as long as it is the same repository. */}}
{{- define "gagarin.instanceImage" -}}
{{- $own := .Values.instances.image -}}
{{- $image := .Values.image -}}
{{- if $own.repository -}}
{{- include "gagarin.reference" (dict "repository" $own.repository "tag" (default .Chart.AppVersion $own.tag) "digest" $own.digest) -}}
{{- else if or $own.tag $own.digest -}}
{{- include "gagarin.reference" (dict "repository" $image.repository "tag" $own.tag "digest" $own.digest) -}}
{{- else -}}
{{- include "gagarin.image" . -}}
{{- end -}}
{{- end -}}
