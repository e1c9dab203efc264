{{- define "labels" -}}
app.kubernetes.io/part-of: qhub
app.kubernetes.io/managed-by: {{ .Release.Service }}
gateway.dask.org/instance: {{ .Values.instance }}
{{- end -}}
