#!/bin/sh
# ipmi_sim asks this for the power of its machine: chassis.sh FOLDER get|set|check power|reset|shutdown [0|1]
# FOLDER: power (0 or 1), mode (normal, lies, refuses, cannotTell), commands (what was asked for, one a line)
folder=$1
read -r mode <"$folder/mode"
[ "$2" = set ] && echo "$3 $4" >>"$folder/commands"
case $mode-$2-$3 in
  cannotTell-get-power | refuses-set-*) exit 1 ;;
  *-get-power) echo "power:$(cat "$folder/power")" ;;
  lies-set-*) ;;
  *-set-power) echo "$4" | tr -d '"' >"$folder/power" ;;
esac
exit 0
