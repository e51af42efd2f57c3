# How far a log's writer is, in one line: pip's own words say it badly, others' last line will do.
# `installed` is how many packages have come into the environment meanwhile; pip does not tell.
/^ *(WARNING|\[notice\])/ || /^ [-+] / { next }
/^ *Collecting / { sub(/[^A-Za-z0-9._-].*/, "", $2); found += !seen[$2]++ }
/\([0-9.]+ [kMG]?B\)$/ && !/\.metadata / {
    fetched++
    megabytes += substr($(NF - 1), 2) * (/kB/ ? 0.001 : /GB/ ? 1000 : /MB/ ? 1 : 0)
}
/^Installing collected packages/ { chosen = NF - 3 }
/^Successfully installed/ { installed = NF - 2 }
NF { last = $0 }
END {
    if (chosen) print installed " of " chosen " packages are installed"
    else if (found) printf "%d packages found, %d of them fetched, %d MB\n", found, fetched, megabytes
    else print substr(last, 1, 100)
}
