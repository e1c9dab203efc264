{{- /* What all of it bears; `.component` says which part. */}}
{{- define "conda-store.matchLabels" -}}
app.kubernetes.io/name: {{ .component }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "conda-store.labels" -}}
{{ include "conda-store.matchLabels" . }}
app.kubernetes.io/part-of: qhub
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- /* conda-store's Python code: files by name. The rest of the folder is the hub's. */}}
{{- define "conda-store.code" -}}
{{- range $path, $text := .Files.Glob "code/conda_store/*.py" }}
{{ base $path }}: {{ $text | toString | toJson }}
{{- end }}
{{- end }}

{{- /* What server and worker are told, but for secrets. */}}
{{- define "conda-store.settings" -}}
store: {{ print .Values.storage.mountPath "/store" | toJson }}
state: {{ print .Values.storage.mountPath "/state" | toJson }}
channels: {{ .Values.channels | toJson }}
default_namespace: {{ .Values.defaultNamespace | toJson }}
dask: {{ .Values.dask }}
max_workers: {{ .Values.worker.concurrency }}
{{- end }}

{{- /* What the server alone is told. */}}
{{- define "conda-store.access" -}}
people: {{ .Values.people | toJson }}
proxies: "*"
{{- with .Values.pagePolicy }}
headers: {Content-Security-Policy: {{ . | toJson }}}
{{- end }}
hub:
  api: {{ .Values.hub.apiUrl | toJson }}
  client_id: {{ .Values.hub.clientId | toJson }}
  callback: {{ .Values.hub.callback | toJson }}
  scope: {{ .Values.hub.scope | toJson }}
{{- end }}

{{- /* Of each pod: where it runs, and as whom. */}}
{{- define "conda-store.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  {{- if .files }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "conda-store.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Of server and worker: nothing is written but below the storage and /tmp. */}}
{{- define "conda-store.env" -}}
- name: HOME
  value: /tmp
- name: XDG_DATA_HOME
  value: {{ .Values.storage.mountPath }}/state/data
- name: CONDA_PKGS_DIRS
  value: {{ .Values.storage.mountPath }}/state/packages
- name: CONDA_REGISTER_ENVS
  value: "false"
- name: PYTHONUNBUFFERED
  value: "1"
{{- end }}

{{- define "conda-store.mounts" -}}
- name: code
  mountPath: /srv/qhub
  readOnly: true
- name: settings
  mountPath: /etc/conda-store/settings
  readOnly: true
- name: secrets
  mountPath: /etc/conda-store/secrets
  readOnly: true
- name: files
  mountPath: {{ .Values.storage.mountPath }}
  subPath: {{ .Values.storage.subPath }}
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "conda-store.volumes" -}}
- name: code
  configMap:
    name: conda-store-code
- name: files
  persistentVolumeClaim:
    claimName: {{ .Values.storage.claim }}
- name: tmp
  emptyDir: {}
{{- end }}
