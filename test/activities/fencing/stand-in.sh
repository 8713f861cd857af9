#!/bin/sh
# Takes the place of ipmitool or virsh: answers with what the real program was recorded to say in this situation, and keeps
# the machine's power in a file. Lies beside its files: power, fault, and <command>|<situation>.out, .err, .code, .then
folder=${0%/*}
read -r power <"$folder/power"
read -r fault <"$folder/fault"
# ipmitool's command stands behind -E, virsh's behind the URI and before the domain.
case "$*" in
  *' -E '*) command=${*##* -E } ;;
  *) command=$3 ;;
esac
printf '%s\n' "$*" >>"$folder/calls"
/usr/bin/env | /usr/bin/cut -d= -f1 >"$folder/env"
/bin/cat >"$folder/stdin"

case $fault in
  hangs) exec /bin/sleep 60 ;;
  speaksNonsense) echo '<html>Please log in</html>' && exit 0 ;;
esac
for situation in "$command|$fault" "|$fault" "$command|$power" "$command|"; do
  answer=$folder/$situation
  [ -f "$answer.code" ] && break
done
if [ -f "$answer.then" ] && [ "$fault" != lies ]; then /bin/cat "$answer.then" >"$folder/power"; fi
/bin/cat "$answer.out"
/bin/cat "$answer.err" >&2
read -r code <"$answer.code"
exit "$code"
