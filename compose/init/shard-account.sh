#!/bin/sh
# Run by the image of shard-1 when it fills its data folder: the account of router and scaler, which
# create databases and triggers, move rows, and grant what new shards need.
set -eu
client=$(command -v mariadb || command -v mysql)
root=$(cat /run/secrets/shard/root_password)
app=$(cat /run/secrets/shard/app_password)
MYSQL_PWD=$root "$client" --protocol=socket -uroot <<SQL
CREATE USER IF NOT EXISTS 'autoscaler'@'%' IDENTIFIED BY '$app';
GRANT ALL PRIVILEGES ON *.* TO 'autoscaler'@'%' WITH GRANT OPTION;
SQL
