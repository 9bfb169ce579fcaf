#!/bin/bash
# The order of things in the official image's entrypoint, without its rarer options:
# a filled data directory is served as it is; an empty one is initialised by a temporary server
# that listens on the socket only, which is why a socket ping is no proof of readiness.
set -eo pipefail

file_env() {
    local var=$1 file_var=$1_FILE
    if [[ -n ${!var:-} && -n ${!file_var:-} ]]; then
        echo "[ERROR] [Entrypoint]: Both $var and $file_var are set (but are exclusive)" >&2
        exit 1
    fi
    if [[ -n ${!file_var:-} ]]; then
        export "$var"="$(<"${!file_var}")"
    fi
    unset "$file_var"
}
quote() { sed -e "s/\\\\/\\\\\\\\/g" -e "s/'/''/g" <<<"$1"; }

[[ ${1:0:1} != - ]] || set -- mariadbd "$@"
if [[ $1 != mariadbd && $1 != mysqld ]]; then
    exec "$@"
fi
data=/var/lib/mysql
for argument in "$@"; do
    [[ $argument != --datadir=* ]] || data=${argument#--datadir=}
done
if [[ $(id -u) == 0 ]]; then
    mkdir -p "$data"
    find "$data" \! -user mysql -exec chown mysql: '{}' +
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$BASH_SOURCE" "$@"
fi
if [[ ! -d $data/mysql ]]; then
    for name in ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD; do
        file_env MARIADB_$name
        file_env MYSQL_$name
        var=MARIADB_$name old=MYSQL_$name
        export "$var"="${!var:-${!old:-}}"
    done
    if [[ -z $MARIADB_ROOT_PASSWORD$MARIADB_ALLOW_EMPTY_ROOT_PASSWORD$MARIADB_RANDOM_ROOT_PASSWORD ]]; then
        echo "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified" >&2
        exit 1
    fi
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db --rpm \
        --cross-bootstrap --default-time-zone=SYSTEM >/dev/null
    "$@" --skip-networking --socket=/run/mysqld/mysqld.sock --wsrep_on=OFF &
    pid=$!
    client=(mariadb --protocol=socket -uroot -hlocalhost --socket=/run/mysqld/mysqld.sock)
    for _ in {1..300}; do
        "${client[@]}" -e 'SELECT 1' &>/dev/null && break
        kill -0 $pid || exit 1
        sleep 0.2
    done
    password=$(quote "$MARIADB_ROOT_PASSWORD")
    {
        echo "SET @@SESSION.SQL_LOG_BIN=0;"
        echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$password';"
        echo "CREATE USER IF NOT EXISTS 'root'@'${MARIADB_ROOT_HOST:-%}' IDENTIFIED BY '$password';"
        echo "GRANT ALL ON *.* TO 'root'@'${MARIADB_ROOT_HOST:-%}' WITH GRANT OPTION;"
        health=$(head -c 48 /dev/urandom | base64 | tr -dc A-Za-z0-9)
        printf '[mariadb-client]\nport=3306\nsocket=/run/mysqld/mysqld.sock\nuser=healthcheck\npassword=%s\n' "$health" >"$data/.my-healthcheck.cnf"
        for host in 127.0.0.1 ::1 localhost; do
            echo "CREATE USER healthcheck@'$host' IDENTIFIED BY '$health'; GRANT USAGE ON *.* TO healthcheck@'$host';"
        done
        [[ -z $MARIADB_DATABASE ]] || echo "CREATE DATABASE IF NOT EXISTS \`$MARIADB_DATABASE\`;"
        if [[ -n $MARIADB_USER && -n $MARIADB_PASSWORD ]]; then
            echo "CREATE USER '$MARIADB_USER'@'%' IDENTIFIED BY '$(quote "$MARIADB_PASSWORD")';"
            [[ -z $MARIADB_DATABASE ]] || echo "GRANT ALL ON \`${MARIADB_DATABASE//_/\\_}\`.* TO '$MARIADB_USER'@'%';"
        fi
    } | "${client[@]}"
    client+=("-p$MARIADB_ROOT_PASSWORD")
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) "${client[@]}" <"$file" ;;
            *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
        esac
    done
    kill $pid
    wait $pid
fi
for name in ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD; do
    unset MARIADB_$name MYSQL_$name
done
exec "$@"
