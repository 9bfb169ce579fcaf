#!/bin/bash
# --connect and --innodb_initialized of the official script, by its own user of the same name.
exec mariadb --defaults-file=/var/lib/mysql/.my-healthcheck.cnf --protocol=tcp -h127.0.0.1 --skip-ssl \
    --skip-column-names -e "SELECT 1 FROM information_schema.ENGINES WHERE engine='innodb' AND support IN ('YES','DEFAULT')"
