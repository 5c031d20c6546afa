{{/* Rules of NetworkPolicies. */}}

{{- define "portals.toNames" -}}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end }}

{{- define "portals.toDatabase" -}}
- ports:
    - port: {{ .Values.networkPolicy.databasePort }}
      protocol: TCP
  {{- with .Values.networkPolicy.databaseTo }}
  to: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* Our own pods of a component: (list . "token") */}}
{{- define "portals.peer" -}}
- podSelector:
    matchLabels:
      {{- include "portals.selector" (index . 0) | nindent 6 }}
      app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* What the portal service calls. The binary refuses private and special addresses itself, inside the resolver that dials;
     the clouds' metadata services are kept out here too. */}}
{{- define "portals.toUpstreams" -}}
- ports:
    {{- range .Values.networkPolicy.upstreamPorts }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
  to:
    {{- if .Values.networkPolicy.upstreamTo }}
    {{- toYaml .Values.networkPolicy.upstreamTo | nindent 4 }}
    {{- else }}
    - ipBlock:
        cidr: 0.0.0.0/0
        except: [169.254.0.0/16]
    - ipBlock:
        cidr: "::/0"
        except: ["fe80::/10", "fd00:ec2::254/128"]
    {{- end }}
{{- end }}
