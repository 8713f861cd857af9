#!/bin/sh
# Takes the place of a program (ipmitool, virsh, a fence agent …): answers with what the real one was recorded to say in this
# situation, and keeps the machine's power in a file. Lies beside its files: power, fault, metadata, and
# <command>|<situation>.out, .err, .code, .then
folder=${0%/*}
read -r power <"$folder/power"
read -r fault <"$folder/fault"
[ "$*" = '-o metadata' ] && exec /bin/cat "$folder/metadata"
/bin/cat >"$folder/stdin"
# ipmitool's command stands behind -E, virsh's behind the URI and before the domain; an agent's comes in; else it is the first word.
case "$*" in
  *' -E '*) command=${*##* -E } ;;
  '-c '*) command=$3 ;;
  '') command=$(/usr/bin/sed -n 's/^action=//p' "$folder/stdin") && set -- "$command" ;;
  *) command=$1 ;;
esac
printf '%s\n' "$*" >>"$folder/calls"
/usr/bin/env | /usr/bin/cut -d= -f1 >"$folder/env"

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
