# Runs NFS-Ganesha. Where it can't lend the files, it serves on without them, and its port is open
# all the same: here that ends it, and only a server that lends them is said to have started.
set -eu
log=/run/ganesha/log ready=/run/ganesha/ready

tell() {
  fault='' why=''
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
      *":EXPORT :CRIT :"* | *"No export entries found"*) fault=yes ;;
    esac
    case $line in
      *":EXPORT :CRIT :"* | *":FSAL :CRIT :"* | *":CONFIG :CRIT :"* | *":NFS STARTUP :CRIT :"*)
        why=${why:-$line} # the first led to the others
        ;;
      *"NFS SERVER INITIALIZED"*)
        [ -n "$fault" ] || : >"$ready"
        break
        ;;
    esac
  done
  [ -n "$fault" ] || exec cat
  printf '%s\n' "/export can't be lent: ${why:-see further up}"
  kill "$$"
  exec cat >/dev/null # of its end, which would hide what led to it
}

rm -f "$log" "$ready" # of the container before this one
mkfifo "$log"
tell <"$log" &

# The kubelet made the folder for root alone; whoever mounts it may pass through.
chmod 0755 /export
ganesha.nfsd -F -L STDOUT -p /run/ganesha/ganesha.pid -f /etc/qhub/ganesha.conf >"$log" 2>&1 &
server=$!
trap 'kill "$server"' TERM
code=0
wait "$server" || code=$?
wait # for the end of both, and the last of what it said
exit "$code"
