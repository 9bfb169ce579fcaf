#!/bin/sh
# Run by the image of shard-1 when it fills its data folder: the account of the scaler, which creates
# triggers, moves rows, and makes the accounts of routers and exporters.
set -eu
client=$(command -v mariadb || command -v mysql)
root=$(cat /run/secrets/shard/root_password)
app=$(cat /run/secrets/shard/app_password)
case $(MYSQL_PWD=$root "$client" --protocol=socket -uroot -N -e 'SELECT VERSION()') in
    *MariaDB*) grants='CONNECTION ADMIN, SET USER, SLAVE MONITOR' ;;
    *) grants='CONNECTION_ADMIN, SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER, XA_RECOVER_ADMIN' ;;
esac
MYSQL_PWD=$root "$client" --protocol=socket -uroot <<SQL
CREATE USER IF NOT EXISTS 'autoscaler'@'%' IDENTIFIED BY '$app';
GRANT SELECT, CREATE USER, PROCESS, RELOAD, REPLICATION CLIENT, $grants ON *.* TO 'autoscaler'@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON \`app\`.* TO 'autoscaler'@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON \`\\_autoscaler\`.* TO 'autoscaler'@'%' WITH GRANT OPTION;
SQL
