#!/usr/bin/env bash
# Makes PostgreSQL, RabbitMQ and Redis answer where the tests look for them.
# What answers already is used as it is; what does not is brought up by docker compose when a docker daemon
# answers, else from Debian packages. Prints one line a server; fails when one does not answer in the end.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
postgres_url=${PORTCULLIS_TEST_POSTGRES:-postgres://postgres@127.0.0.1:5432/test}
amqp_url=${PORTCULLIS_TEST_AMQP:-amqp://guest:guest@127.0.0.1:5672/%2f}
redis_url=${PORTCULLIS_TEST_REDIS:-redis://127.0.0.1:6379}
patience=${PORTCULLIS_SERVICES_WAIT:-60}

# url_of <server>
url_of() {
  case $1 in
    postgres) printf '%s' "$postgres_url" ;;
    rabbitmq) printf '%s' "$amqp_url" ;;
    redis) printf '%s' "$redis_url" ;;
  esac
}

# address <server> : "host port" of its URL
address() {
  local rest host port
  rest=$(url_of "$1")
  rest=${rest#*://}
  rest=${rest%%[/?]*}
  rest=${rest##*@}
  host=${rest%%:*}
  port=${rest##*:}
  if [[ $port == "$rest" ]]; then
    case $1 in postgres) port=5432 ;; rabbitmq) port=5672 ;; redis) port=6379 ;; esac
  fi
  printf '%s %s' "${host:-127.0.0.1}" "$port"
}

# answers <server> : whether the server speaks its protocol there; an open port alone is not enough
answers() {
  local host port hello reply
  read -r host port <<<"$(address "$1")"
  case $1 in
    postgres) hello='\x00\x00\x00\x08\x04\xd2\x16\x2f' ;; # SSLRequest: answered by S or N
    rabbitmq) hello='AMQP\x00\x00\x09\x01' ;;             # protocol header: answered by a method frame, 0x01
    redis) hello='PING\r\n' ;;                            # answered by +PONG, or by -NOAUTH
  esac
  reply=$({
    exec 3<>"/dev/tcp/$host/$port"
    # shellcheck disable=SC2059 # the format is one of the three above
    printf "$hello" >&3
    timeout 2 head -c 1 <&3 | od -An -tx1 | tr -d ' \n'
  } 2>/dev/null) || return 1
  case $1 in
    postgres) [[ $reply == 53 || $reply == 4e ]] ;;
    rabbitmq) [[ $reply == 01 ]] ;;
    redis) [[ $reply == 2b || $reply == 2d ]] ;;
  esac
}

# await <server> : waits until it answers, at most $patience seconds
await() {
  local deadline=$((SECONDS + patience))
  until answers "$1"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo -n "$@"
  else
    echo "services: root is needed for: $*" >&2
    return 1
  fi
}

docker_answers() { command -v docker >/dev/null && timeout 10 docker info >/dev/null 2>&1; }

# by_compose <server>...
by_compose() { docker compose -f "$root/deploy/compose.yaml" up -d "$@" >&2; }

# package <server> : what Debian calls it
package() {
  case $1 in
    postgres) printf postgresql ;;
    rabbitmq) printf rabbitmq-server ;;
    redis) printf redis-server ;;
  esac
}

# installed <server>
installed() {
  case $1 in
    postgres) command -v pg_ctlcluster >/dev/null ;;
    rabbitmq) command -v rabbitmq-server >/dev/null ;;
    redis) command -v redis-server >/dev/null ;;
  esac
}

install_packages() {
  command -v apt-get >/dev/null || {
    echo "services: neither docker nor apt-get is here; start them yourself: $*" >&2
    return 1
  }
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# The newest cluster's version, from the folders under /etc/postgresql.
newest_cluster() {
  local versions=(/etc/postgresql/*/main)
  [[ -d ${versions[0]} ]] || return 1
  printf '%s\n' "${versions[@]}" | sed 's|.*/\([0-9]*\)/main|\1|' | sort -n | tail -1
}

# Loopback connections need no password: only on a cluster that this script starts.
trust_loopback() {
  as_root sed -i -E 's/^(host[[:space:]]+all[[:space:]]+all[[:space:]]+(127\.0\.0\.1\/32|::1\/128)[[:space:]]+).*/\1trust/' "$1"
}

start_from_packages() {
  local version
  case $1 in
    postgres)
      version=$(newest_cluster) || {
        echo "services: PostgreSQL is installed without a cluster under /etc/postgresql" >&2
        return 1
      }
      trust_loopback "/etc/postgresql/$version/main/pg_hba.conf"
      as_root pg_ctlcluster --skip-systemctl-redirect "$version" main start >&2 ||
        as_root pg_ctlcluster --skip-systemctl-redirect "$version" main reload >&2
      ;;
    rabbitmq) as_root rabbitmq-server -detached >&2 ;;
    redis) as_root redis-server --daemonize yes --bind 127.0.0.1 --dir /tmp --save '' >/dev/null ;;
  esac
}

# The database that the tests' URL names exists, wherever PostgreSQL came from.
ensure_database() {
  command -v psql >/dev/null || return 0
  local name=${postgres_url##*/}
  name=${name%%\?*}
  PGCONNECT_TIMEOUT=5 psql "$postgres_url" -qAtc 'select 1' >/dev/null 2>&1 && return 0
  PGCONNECT_TIMEOUT=5 psql "${postgres_url%/*}/postgres" -qAtc "create database \"$name\"" >/dev/null
}

main() {
  local server how missing=() packages=()
  declare -A origin
  for server in postgres rabbitmq redis; do
    if answers "$server"; then origin[$server]='was running'; else missing+=("$server"); fi
  done

  if ((${#missing[@]})); then
    if docker_answers; then
      how='started by docker compose'
      by_compose "${missing[@]}"
    else
      how='started from packages'
      for server in "${missing[@]}"; do
        installed "$server" || packages+=("$(package "$server")")
      done
      if ((${#packages[@]})); then install_packages "${packages[@]}"; fi
      for server in "${missing[@]}"; do
        # An installation may have started it already.
        answers "$server" || start_from_packages "$server"
      done
    fi
    for server in "${missing[@]}"; do origin[$server]=$how; done
  fi

  local failed=0
  for server in postgres rabbitmq redis; do
    if [[ ${origin[$server]} != 'was running' ]] && ! await "$server"; then
      echo "$server: does not answer at $(address "$server" | tr ' ' ':')" >&2
      failed=1
      continue
    fi
    if [[ $server == postgres ]] && ! ensure_database; then
      echo "postgres: answers, but the database of $(address postgres | tr ' ' ':') cannot be reached" >&2
      failed=1
      continue
    fi
    echo "$server: answers at $(address "$server" | tr ' ' ':') (${origin[$server]})"
  done
  return $failed
}

# Sourced, it only defines its functions.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  main "$@"
fi
