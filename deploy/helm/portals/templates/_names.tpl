{{/* Names and labels. */}}

{{- define "portals.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "portals.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "portals.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "portals.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "portals.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "portals.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "portals.selector" -}}
app.kubernetes.io/name: {{ include "portals.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The name of a component's objects: (list . "token"). */}}
{{- define "portals.componentName" -}}
{{- $root := index . 0 }}{{ $component := index . 1 }}
{{- if eq $component "single" }}{{ include "portals.fullname" $root }}{{ else }}{{ include "portals.fullname" $root }}-{{ $component }}{{ end }}
{{- end }}

{{- define "portals.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- define "portals.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "portals.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}
