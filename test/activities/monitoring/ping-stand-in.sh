#!/bin/sh
# What iputils' ping 20221126 wrote and ended with for each kind of address, for machines where it is missing or may not send.
# Its arguments go to $PING_LOG where that is set.
for to in "$@"; do :; done
[ -z "$PING_LOG" ] || printf "%s\n" "$*" >> "$PING_LOG"
echo "PING $to ($to) 56(84) bytes of data."
case "$to" in
127.0.0.1 | living*)
  echo "64 bytes from $to: icmp_seq=1 ttl=64 time=0.138 ms

--- $to ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 0ms
rtt min/avg/max/mdev = 0.025/0.025/0.025/0.000 ms"
  exit 0 ;;
127.0.0.2 | silent*)
  echo "
--- $to ping statistics ---
4 packets transmitted, 0 received, 100% packet loss, time 1527ms
"
  exit 1 ;;
127.0.0.3)
  echo "From 192.0.2.254 icmp_seq=1 Destination Host Unreachable

--- $to ping statistics ---
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms
"
  exit 1 ;;
127.0.0.6)
  echo "From 127.0.0.1 icmp_seq=1 Destination Host Unreachable
From 127.0.0.1 icmp_seq=2 Destination Host Unreachable

--- $to ping statistics ---
6 packets transmitted, 0 received, +6 errors, 100% packet loss, time 2602ms
pipe 6"
  exit 1 ;;
127.0.0.4) exec sleep 600 ;;
127.0.0.5)
  echo "ping: socktype: SOCK_RAW
ping: socket: Operation not permitted
ping: => missing cap_net_raw+p capability or setuid?" >&2
  exit 2 ;;
*)
  echo "ping: $to: Name or service not known" >&2
  exit 2 ;;
esac
