{{- define "nfs-server.matchLabels" -}}
app.kubernetes.io/name: nfs-server
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nfs-server.labels" -}}
{{ include "nfs-server.matchLabels" . }}
app.kubernetes.io/part-of: qhub
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- /* As Ganesha 4 reads it. Homes are made, and folders given to groups, by root of pods. */}}
{{- define "nfs-server.configuration" -}}
NFS_CORE_PARAM {
  Protocols = 4;
  NFS_Port = 2049;
  Enable_NLM = false;
  Enable_RQUOTA = false;
}

NFSV4 {
  Minor_Versions = 1, 2;
  Grace_Period = {{ .Values.graceSeconds }};
  Lease_Lifetime = {{ .Values.leaseSeconds }};
  RecoveryBackend = fs;
  RecoveryRoot = /state;
  Allow_Numeric_Owners = true;
  Only_Numeric_Owners = true;
}

EXPORT {
  Export_Id = 1;
  Path = /export;
  Pseudo = /;
  Protocols = 4;
  Transports = TCP;
  Access_Type = RW;
  Squash = No_Root_Squash;
  SecType = sys;

  FSAL {
    Name = VFS;
  }
}

LOG {
  Default_Log_Level = EVENT;
}
{{- end }}
