#!/bin/bash
# The order of things in the official image's entrypoint, without its rarer options; see the one of
# the MariaDB stand-in.
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

[[ ${1:0:1} != - ]] || set -- mysqld "$@"
if [[ $1 != mysqld ]]; then
    exec "$@"
fi
data=/var/lib/mysql socket=/var/run/mysqld/mysqld.sock
if [[ $(id -u) == 0 ]]; then
    mkdir -p "$data"
    find "$data" \! -user mysql -exec chown mysql: '{}' +
    exec setpriv --reuid=mysql --regid=mysql --init-groups "$BASH_SOURCE" "$@"
fi
shift
if [[ ! -d $data/mysql ]]; then
    for name in ROOT_PASSWORD ROOT_HOST DATABASE USER PASSWORD; do
        file_env MYSQL_$name
    done
    if [[ -z $MYSQL_ROOT_PASSWORD$MYSQL_ALLOW_EMPTY_PASSWORD$MYSQL_RANDOM_ROOT_PASSWORD ]]; then
        echo "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified" >&2
        exit 1
    fi
    mysqld --no-defaults --initialize-insecure --datadir="$data" "$@"
    mysqld --no-defaults --datadir="$data" "$@" --skip-networking --mysqlx=0 --socket=$socket &
    pid=$!
    client=(mysql --protocol=socket -uroot --socket=$socket)
    for _ in {1..600}; do
        "${client[@]}" -e 'SELECT 1' &>/dev/null && break
        kill -0 $pid || exit 1
        sleep 0.1
    done
    password=$(quote "$MYSQL_ROOT_PASSWORD")
    {
        echo "ALTER USER 'root'@'localhost' IDENTIFIED BY '$password';"
        echo "CREATE USER 'root'@'${MYSQL_ROOT_HOST:-%}' IDENTIFIED BY '$password';"
        echo "GRANT ALL ON *.* TO 'root'@'${MYSQL_ROOT_HOST:-%}' WITH GRANT OPTION;"
        [[ -z $MYSQL_DATABASE ]] || echo "CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\`;"
        if [[ -n $MYSQL_USER && -n $MYSQL_PASSWORD ]]; then
            echo "CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$(quote "$MYSQL_PASSWORD")';"
            [[ -z $MYSQL_DATABASE ]] || echo "GRANT ALL ON \`${MYSQL_DATABASE//_/\\_}\`.* TO '$MYSQL_USER'@'%';"
        fi
    } | "${client[@]}"
    client+=("-p$MYSQL_ROOT_PASSWORD")
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sql) "${client[@]}" <"$file" ;;
            *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
        esac
    done
    kill $pid
    wait $pid
fi
exec mysqld --no-defaults --datadir="$data" --socket=$socket --skip-name-resolve "$@"
