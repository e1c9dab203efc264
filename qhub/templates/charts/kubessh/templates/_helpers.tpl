{{- define "kubessh.matchLabels" -}}
app.kubernetes.io/name: kubessh
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kubessh.labels" -}}
{{ include "kubessh.matchLabels" . }}
app.kubernetes.io/part-of: qhub
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* The server's Python code: files by path below its package. The rest of the folder is the hub's. */}}
{{- define "kubessh.code" -}}
{{- range $path, $text := .Files.Glob "code/ssh/*.py" }}
{{ trimPrefix "code/" $path }}: {{ $text | toString | toJson }}
{{- end }}
{{- range $name := list "__init__.py" "ssh_service.py" "throttle.py" }}
{{- with $.Files.Get (print "code/" $name) }}
{{ $name }}: {{ . | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{- define "kubessh.settings" -}}
address: ""
port: 8022
proxied: {{ .Values.proxyProtocol }}
host_key: /etc/kubessh/secret/ssh_host_ed25519_key
people: /etc/kubessh/people/people.json
hub:
  api: {{ .Values.hub.apiUrl | toJson }}
  token_file: /etc/kubessh/secret/hub-token
  token_page: {{ .Values.hub.tokenPage | toJson }}
  start_seconds: {{ .Values.hub.startSeconds }}
cluster:
  namespace: {{ .Release.Namespace | toJson }}
{{- end }}

{{- define "kubessh.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
