{{/* Which Secret holds what. Empty: none; `standalone` then makes its keys on its volume. */}}

{{- define "portals.generatedKeys" -}}
{{- include "portals.fullname" . }}-keys
{{- end }}

{{- define "portals.tokenKeySecret" -}}
{{- $given := or .Values.keys.tokenSecret .Values.keys.existingSecret }}
{{- if $given }}{{ $given }}{{ else if ne .Values.topology "single" }}{{ include "portals.generatedKeys" . }}{{ end }}
{{- end }}

{{- define "portals.portalKeySecret" -}}
{{- $given := or .Values.keys.portalSecret .Values.keys.existingSecret }}
{{- if $given }}{{ $given }}{{ else if ne .Values.topology "single" }}{{ include "portals.generatedKeys" . }}{{ end }}
{{- end }}

{{- define "portals.serviceSecret" -}}
{{- $given := or .Values.keys.serviceSecret .Values.keys.existingSecret }}
{{- if $given }}{{ $given }}{{ else if ne .Values.topology "single" }}{{ include "portals.generatedKeys" . }}{{ end }}
{{- end }}

{{/* Whether keys are to be made by the chart. */}}
{{- define "portals.generatesKeys" -}}
{{- if has (include "portals.generatedKeys" .) (list (include "portals.tokenKeySecret" .) (include "portals.portalKeySecret" .) (include "portals.serviceSecret" .)) }}true{{ end }}
{{- end }}

{{- define "portals.databaseSecret" -}}
{{- default (printf "%s-database" (include "portals.fullname" .)) .Values.database.existingSecret }}
{{- end }}

{{- define "portals.databaseUrls" -}}
{{- $urls := dict "token-url" .Values.database.tokenUrl "portal-url" .Values.database.portalUrl }}
{{- if .Values.database.pipelinesUrl }}{{ $_ := set $urls "pipelines-url" .Values.database.pipelinesUrl }}{{ end }}
{{- toYaml $urls }}
{{- end }}

{{/* What serves in split and edge only, and what can't be left out there. */}}
{{- define "portals.check" -}}
{{- $database := .Values.database }}
{{- $urls := or $database.tokenUrl $database.portalUrl $database.pipelinesUrl }}
{{- if eq .Values.topology "single" }}
{{- if or $urls $database.existingSecret }}{{ fail "database: the topology single keeps everything in SQLite on its volume; take edge or split for PostgreSQL" }}{{ end }}
{{- if .Values.tls.enabled }}{{ fail "tls: the parts of the topology single share a process and speak to each other without a socket" }}{{ end }}
{{- else }}
{{- if and $urls $database.existingSecret }}{{ fail "database: give existingSecret or the URLs, not both" }}{{ end }}
{{- if not (or $database.existingSecret (and $database.tokenUrl $database.portalUrl)) }}{{ fail (printf "database.existingSecret is missing (a Secret with token-url and portal-url, each postgres://…), which the topology %s needs" .Values.topology) }}{{ end }}
{{- if .Values.tls.enabled }}
{{- range $component, $roles := include "portals.components" . | fromYaml }}
{{- if not (get $.Values.tls (printf "%sSecret" $component)) }}{{ fail (printf "tls.%sSecret is missing: a Secret with tls.crt, tls.key and ca.crt" $component) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.gatewayApi.enabled (not .Values.gatewayApi.parentRefs) }}{{ fail "gatewayApi.parentRefs is missing: the Gateway that the route belongs to" }}{{ end }}
{{- end }}

{{/* The volumes and mounts of secrets for a process that runs `roles`: (list . "token" (list "token")) */}}
{{- define "portals.secretVolumes" -}}
{{- $root := index . 0 }}{{ $component := index . 1 }}{{ $roles := index . 2 }}
{{- $volumes := list }}
{{- $mounts := list }}
{{- with include "portals.serviceSecret" $root }}
{{- $volumes = append $volumes (dict "name" "service-key" "secret" (dict "secretName" . "defaultMode" 288 "items" (list (dict "key" "service.key" "path" "service.key")))) }}
{{- $mounts = append $mounts (dict "name" "service-key" "mountPath" "/etc/portals/service" "readOnly" true) }}
{{- end }}
{{- range $role := without $roles "gateway" }}
{{- with include (printf "portals.%sKeySecret" $role) $root }}
{{- $file := printf "%s.key" $role }}
{{- $volumes = append $volumes (dict "name" (printf "%s-key" $role) "secret" (dict "secretName" . "defaultMode" 288 "items" (list (dict "key" $file "path" $file)))) }}
{{- $mounts = append $mounts (dict "name" (printf "%s-key" $role) "mountPath" (printf "/etc/portals/%s" $role) "readOnly" true) }}
{{- end }}
{{- end }}
{{- if and (ne $component "single") (without $roles "gateway") }}
{{- $items := list }}
{{- range $role := without $roles "gateway" }}{{ $items = append $items (dict "key" (printf "%s-url" $role) "path" (printf "%s-url" $role)) }}{{ end }}
{{- if and (has "portal" $roles) (or $root.Values.database.ownPipelines $root.Values.database.pipelinesUrl) }}
{{- $items = append $items (dict "key" "pipelines-url" "path" "pipelines-url") }}
{{- end }}
{{- $secret := ternary (printf "%s-migrate" (include "portals.fullname" $root)) (include "portals.databaseSecret" $root) (and (eq $component "migrate") (not $root.Values.database.existingSecret)) }}
{{- $volumes = append $volumes (dict "name" "database" "secret" (dict "secretName" $secret "defaultMode" 288 "items" $items)) }}
{{- $mounts = append $mounts (dict "name" "database" "mountPath" "/etc/portals/database" "readOnly" true) }}
{{- end }}
{{- if and $root.Values.tls.enabled (ne $component "migrate") }}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (dict "secretName" (get $root.Values.tls (printf "%sSecret" $component)) "defaultMode" 288)) }}
{{- $mounts = append $mounts (dict "name" "tls" "mountPath" "/etc/portals/tls" "readOnly" true) }}
{{- end }}
{{- dict "volumes" $volumes "mounts" $mounts | toYaml }}
{{- end }}

{{/* What every container may do: nothing. */}}
{{- define "portals.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "portals.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}
