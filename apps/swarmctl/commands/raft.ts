import type { Command } from 'commander';
import type { RangeFlags, SnapshotFlags } from '../actions/raft-dump.js';
import type { RecoverFlags } from '../actions/raft-recover.js';
import type { Io } from '../io.js';
import type { Present } from '../session.js';

/** `swarmctl raft …`: tools for the state folder of a manager that does not run. */
export function addRaftCommands(raft: Command, _open: unknown, io: Io, present: Present): void {
  const offline = (name: string, description: string): Command =>
    raft
      .command(name)
      .description(description)
      .requiredOption('-d, --state-dir <dir>', 'the state folder, as swarmd has it with -d')
      .option(
        '--unlock-key <key>',
        "for a locked manager (better: SWARM_UNLOCK_KEY, or '-' to be asked)",
      );
  offline('recover', 'Make this manager a cluster of its own when the others are lost for good')
    .option('-y, --yes', 'do it without asking')
    .action(async (flags: RecoverFlags) => {
      const { recover } = await import('../actions/raft-recover.js');
      await recover(present(), io, flags);
    });
  offline('dump-log', 'Show who is in the group and what is in the log')
    .option('--from <index>', 'first entry to show')
    .option('--to <index>', 'last entry to show')
    .action(async (flags: RangeFlags) => {
      const { dumpLog } = await import('../actions/raft-dump.js');
      await dumpLog(present(), io, flags);
    });
  offline('dump-snapshot', 'Show the objects in a snapshot, without secrets and keys')
    .option('--index <index>', 'the one at this entry (default: the newest)')
    .action(async (flags: SnapshotFlags) => {
      const { dumpSnapshot } = await import('../actions/raft-dump.js');
      await dumpSnapshot(present(), io, flags);
    });
}
