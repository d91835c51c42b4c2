# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kscope_global_optspecs
    string join \n h/help V/version
end

function __fish_kscope_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kscope_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kscope_using_subcommand
    set -l cmd (__fish_kscope_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kscope -n "__fish_kscope_needs_command" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_needs_command" -s V -l version -d 'Print version'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "execsnoop" -d 'Trace new programs and their arguments'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "list" -d 'List the tools, or those that answer a question'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "doctor" -d 'Tell what this kernel lets kscope do: each tool, how it attaches, and why'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "links" -d 'Make links by which the tools are called by their own names'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "man" -d 'Print a manual page, to read with `man -l -`'
complete -c kscope -n "__fish_kscope_needs_command" -f -a "schema" -d 'Print the JSON schema of a tool\'s --json lines'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s n -l name -d 'Show commands whose name matches this regular expression only' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s l -l line -d 'Show commands whose line of arguments matches this regular expression only' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l max-args -d 'Show at most this many arguments; unlike bcc, all of them by default' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l max-args-bytes -d 'Read at most this many bytes of arguments' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l pid -d 'Trace these process IDs only' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l tid -d 'Trace these thread IDs only' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l comm -d 'Trace commands whose name matches this pattern only (`*`, `?`, `[a-z]`)' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l cgroup -d 'Trace tasks in or below this cgroup (v2) only; may be repeated' -r -F
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l container -d 'Trace this container only, by name or by the beginning of its ID; may be repeated' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l cgroupmap -d 'bcc\'s filter by pinned map, which says what to use in its place' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l mntnsmap -d 'Likewise' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l duration -d 'End after this time: seconds, or with a unit as in 500ms, 1.5s, 2m, 1h' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l interval -d 'Show events every SECS, not as they come' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l count -d 'End after this many intervals (of one second, unless --interval says otherwise)' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l max-events -d 'End after this many events' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l buffer-pages -d 'Size of the buffer between kernel and kscope, in pages of 4 KiB: a power of two' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l output -d 'Write to FILE, which must not exist' -r -F
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s u -l uid -d 'Trace these users only, by name or number' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s P -l ppid -d 'Trace children of these process IDs only' -r
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s T -l time -d 'Include a column with the time of day (HH:MM:SS)'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s t -l timestamp -d 'Include a column with the seconds since the start'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s x -l fails -d 'Include failed execs'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s q -l quote -d 'Put quotation marks around arguments'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s U -l print-uid -d 'Include a column with the user ID'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s C -l print-cpu -d 'Include a column with the CPU'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s M -l print-pcomm -d 'Include a column with the parent\'s command name'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l json -d 'Print one JSON object a line'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l csv -d 'Print comma-separated values'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l force -d 'Let --output replace a file'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -l no-color -d 'Never use colour (nor with `NO_COLOR` set, or when the output is no terminal)'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s v -l verbose -d 'Say on stderr how the probes were attached, and whose PIDs are shown'
complete -c kscope -n "__fish_kscope_using_subcommand execsnoop" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand list" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand links" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand completions" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand man" -s h -l help -d 'Print help'
complete -c kscope -n "__fish_kscope_using_subcommand schema" -s h -l help -d 'Print help'
