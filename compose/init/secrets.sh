#!/bin/sh
# Makes every password of the stack on its first start, each into the volume of those who need it.
# What is there is left alone, so a password can be changed by replacing its file.
set -eu

password() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# put FILE OWNER CONTENT: nobody but its owner reads it.
put() {
    [ -e "$1" ] && return
    umask 077
    printf '%s' "$3" >"$1.new"
    chown "$2" "$1.new"
    chmod 0400 "$1.new"
    mv "$1.new" "$1"
    echo "made $1"
}

database=999 product=65532 nobody=65534 grafana=472
app=$( [ -e /secrets/shard/app_password ] && cat /secrets/shard/app_password || password )
exporter=$( [ -e /secrets/scaler/password ] && cat /secrets/scaler/password || password )

router=$( [ -e /secrets/app/router_password ] && cat /secrets/app/router_password || password )

put /secrets/shard/root_password $database "$(password)"
put /secrets/shard/app_password $database "$app"
put /secrets/app/dsn $product "autoscaler:$app@tcp(shard-1:3306)/app"
put /secrets/app/router_password $product "$router"
# In the place of the scaler's: routers know no login but their own.
put /secrets/router/dsn $product "autoscaler_router:$router@tcp(shard-1:3306)/app"
put /secrets/router/router_password $product "$router"
put /secrets/router/password $product "not-for-routers"
put /secrets/scaler/password $product "$exporter"
put /secrets/exporter/my.cnf $nobody "[client]
user = exporter
password = $exporter
"
put /secrets/grafana/admin_password $grafana "$(password)"
