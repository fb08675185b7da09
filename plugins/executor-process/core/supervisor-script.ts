/**
 * The shell script that stands between the daemon and a task's process: it outlives the daemon, holds
 * the output pipes open and writes down how the process ended.
 *
 * Called as `sh -c SCRIPT supervisor FOLDER PROGRAM ARG…`, in a session of its own.
 * - `mkdir started` makes starting a thing that happens once, whoever tries.
 * - The pipes are opened for reading and writing, so that neither side waits for the other and the
 *   process gets no SIGPIPE while no daemon reads.
 * - Trapped signals are reset in the child, so the supervisor survives what is meant for the process.
 * - The child runs in the foreground, since a shell's background jobs are made deaf to SIGINT; so it
 *   writes down its own pid before it becomes the program.
 * - Files are renamed into place: a reader sees a whole one or none.
 */
const entry =
  'echo $$ > "$1/pid.new" && mv "$1/pid.new" "$1/pid" && cd "$2" && shift 2 && exec "$@"';

export const supervisorScript = `
cd "$1" || exit 1
folder=$1; shift
mkdir started 2>/dev/null || exit 0
trap : TERM INT HUP QUIT USR1 USR2
for group in $SWARMKIT_CGROUPS; do echo $$ > "$group/cgroup.procs" 2>/dev/null; done
unset SWARMKIT_CGROUPS
exec 3<>stdout 4<>stderr
dir=$SWARMKIT_DIR; unset SWARMKIT_DIR
sh -c '${entry}' entry "$folder" "$dir" "$@" >&3 2>&4 3>&- 4>&- </dev/null
code=$?
echo $code > exit.new && mv exit.new exit
`;
