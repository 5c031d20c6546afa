{{/* What runs where, and with which settings. */}}

{{/* The deployments of the topology, as YAML: the parts that each of them runs. */}}
{{- define "portals.components" -}}
{{- if eq .Values.topology "split" }}
token: [token]
portal: [portal]
gateway: [gateway]
{{- else if eq .Values.topology "edge" }}
token: [token]
edge: [gateway, portal]
{{- else }}
single: [token, portal, gateway]
{{- end }}
{{- end }}

{{/* The component that callers reach, and the one in which the portal service is. */}}
{{- define "portals.front" -}}
{{- get (dict "split" "gateway" "edge" "edge" "single" "single") .Values.topology }}
{{- end }}
{{- define "portals.portalIn" -}}
{{- get (dict "split" "portal" "edge" "edge" "single" "single") .Values.topology }}
{{- end }}

{{/* The pod settings of a component: those of all, overridden by its own. (list . "token") */}}
{{- define "portals.pod" -}}
{{- $root := index . 0 }}
{{- mergeOverwrite (deepCopy $root.Values.pods.all) (deepCopy (get $root.Values.pods (index . 1))) | toYaml }}
{{- end }}

{{/* What callers know the installation as. */}}
{{- define "portals.publicUrl" -}}
{{- include "portals.check" . }}
{{- if .Values.publicUrl }}{{ .Values.publicUrl | trimSuffix "/" }}
{{- else if eq .Values.topology "single" }}http://127.0.0.1:8080
{{- else }}{{ fail "publicUrl is missing: what callers call this installation, such as https://portals.example.com" }}{{ end }}
{{- end }}

{{- define "portals.publicHost" -}}
{{- (urlParse (include "portals.publicUrl" .)).hostname }}
{{- end }}

{{/* Where another part is: (list . "token" 50051). The names are those of headless Services: callers balance over all pods. */}}
{{- define "portals.partUrl" -}}
{{- $root := index . 0 }}
{{- printf "%s://%s-%s:%v" (ternary "https" "http" $root.Values.tls.enabled) (include "portals.fullname" $root) (index . 1) (index . 2) }}
{{- end }}

{{/* The settings of a process that runs `roles`, as YAML. The chart's own; then what `config` says, which has other names: the
     schema sees to that. (list . "token" (list "token")) */}}
{{- define "portals.settings" -}}
{{- $root := index . 0 }}{{ $component := index . 1 }}{{ $roles := index . 2 }}
{{- $single := eq $component "single" }}
{{- $set := dict }}
{{- range $role := $roles }}
{{- $part := upper $role }}
{{- $_ := set $set (printf "%s_ADMIN__LISTEN" $part) "0.0.0.0:9090" }}
{{- if or (not $single) (include "portals.serviceSecret" $root) }}
{{- $_ := set $set (printf "%s_SERVICE__KEY_FILE" $part) "/etc/portals/service/service.key" }}
{{- end }}
{{- if not $single }}
{{- $_ := set $set (printf "%s_STOP__GRACE_MS" $part) (printf "%d" (mul 1000 (int $root.Values.stop.graceSeconds))) }}
{{- if $root.Values.tls.enabled }}
{{- range $key, $file := dict "CERT" "tls.crt" "KEY" "tls.key" "CA" "ca.crt" }}
{{- $_ := set $set (printf "%s_TLS__%s_FILE" $part $key) (printf "/etc/portals/tls/%s" $file) }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $role "gateway" }}
{{- $_ := set $set "GATEWAY_HTTP__LISTEN" "0.0.0.0:8080" }}
{{- $_ := set $set "GATEWAY_PUBLIC__URL" (include "portals.publicUrl" $root) }}
{{- if not (has "token" $roles) }}{{ $_ := set $set "GATEWAY_TOKEN__URL" (include "portals.partUrl" (list $root "token" 50051)) }}{{ end }}
{{- if not (has "portal" $roles) }}{{ $_ := set $set "GATEWAY_PORTAL__URL" (include "portals.partUrl" (list $root "portal" 50052)) }}{{ end }}
{{- else }}
{{- if not $single }}
{{- $_ := set $set (printf "%s_GRPC__LISTEN" $part) (printf "0.0.0.0:%s" (eq $role "token" | ternary "50051" "50052")) }}
{{- $_ := set $set (printf "%s_DATABASE__URL_FILE" $part) (printf "/etc/portals/database/%s-url" $role) }}
{{- end }}
{{- if or (not $single) (include (printf "portals.%sKeySecret" $role) $root) }}
{{- $_ := set $set (printf "%s_KEYS__FILE" $part) (printf "/etc/portals/%s/%s.key" $role $role) }}
{{- end }}
{{- if eq $role "portal" }}
{{- $_ := set $set "PORTAL_PUBLIC__URL" (include "portals.publicUrl" $root) }}
{{- if not (has "token" $roles) }}{{ $_ := set $set "PORTAL_TOKEN__URL" (include "portals.partUrl" (list $root "token" 50051)) }}{{ end }}
{{- if and (not $single) (or $root.Values.database.ownPipelines $root.Values.database.pipelinesUrl) }}
{{- $_ := set $set "PORTAL_PIPELINES__DATABASE_URL_FILE" "/etc/portals/database/pipelines-url" }}
{{- end }}
{{- end }}
{{- end }}
{{- range $key, $value := get $root.Values.config $role }}
{{- $_ := set $set (printf "%s_%s" $part $key) (include "portals.text" $value) }}
{{- end }}
{{- end }}
{{- range $name, $value := $root.Values.environment }}{{ $_ := set $set $name (include "portals.text" $value) }}{{ end }}
{{- toYaml $set }}
{{- end }}

{{/* A value as the text of a variable: numbers of YAML are floats here, and large ones would become 1e+06. */}}
{{- define "portals.text" -}}
{{- if kindIs "float64" . }}{{ if eq . (floor .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* The settings of both services for a migration, which has no certificates and calls nobody. */}}
{{- define "portals.migrateSettings" -}}
{{- $set := dict }}
{{- range $name, $value := include "portals.settings" (list . "migrate" (list "token" "portal")) | fromYaml }}
{{- if not (contains "_TLS__" $name) }}{{ $_ := set $set $name $value }}{{ end }}
{{- end }}
{{- toYaml $set }}
{{- end }}
