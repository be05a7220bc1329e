{{/* The release's name, or one that has the chart's name in it; 46 characters leave room for "-operator-metrics", a Service. */}}
{{- define "gagarin.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 46 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "gagarin.operator" -}}
{{ include "gagarin.fullname" . }}-operator
{{- end -}}

{{- define "gagarin.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "gagarin.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name: name the account to use, because serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "gagarin.selector" -}}
app.kubernetes.io/name: gagarin
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "gagarin.labels" -}}
{{ include "gagarin.selector" . }}
app.kubernetes.io/part-of: gagarin
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of what belongs to people and to chat servers rather than to the operator. */}}
{{- define "gagarin.sharedLabels" -}}
app.kubernetes.io/name: gagarin
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: gagarin
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}
