import { type Command, Option } from 'commander';
import type { BackupFlags, RestoreFlags } from '../actions/backup.js';
import type { Io } from '../io.js';
import { answerOf, type GlobalFlags, socketOf } from '../session.js';

/** `swarmctl info|leave|backup|restore`: this node, and the cluster as a file. */
export function addOperatorCommands(program: Command, io: Io): void {
  const globals = (own: GlobalFlags): GlobalFlags => ({ ...program.opts<GlobalFlags>(), ...own });
  const offline = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .addOption(new Option('--format <form>', 'how to print').choices(['table', 'json']));
  const command = (name: string, description: string): Command =>
    offline(name, description).option('-s, --socket <path>', 'control socket');

  command('info', 'Show what this node is: its id, its role and the managers it knows').action(
    async (own: GlobalFlags) => {
      const { showInfo } = await import('../actions/node-self.js');
      await showInfo(answerOf(globals(own), io), io, socketOf(globals(own), io));
    },
  );

  command('leave', 'Take this node out of its cluster: its tasks end, its identity is erased')
    .option('-f, --force', 'also a manager, and without waiting for tasks that do not go')
    .action(async (own: GlobalFlags & { readonly force?: boolean }) => {
      const { leave } = await import('../actions/node-self.js');
      await leave(io, socketOf(globals(own), io), own.force === true);
    });

  const sealed = (one: Command): Command =>
    one.option(
      '--passphrase-file <file>',
      'its first line encrypts the backup (or SWARM_BACKUP_PASSPHRASE)',
    );

  sealed(command('backup', 'Write the whole state of the cluster to a file, while it runs'))
    .argument('<file>', 'must not be there yet')
    .option('--encrypt', 'ask for a passphrase')
    .action(async (file: string, own: GlobalFlags & BackupFlags) => {
      const { backup } = await import('../actions/backup.js');
      await backup(answerOf(globals(own), io), io, socketOf(globals(own), io), file, own);
    });

  sealed(
    offline('restore', 'Make an empty state folder the only manager of the cluster in a backup'),
  )
    .argument('<file>')
    .requiredOption('-d, --state-dir <dir>', 'made by this; what swarmd is then given with -d')
    .option('--advertise-addr <addr>', 'host:port at which other nodes will reach this manager')
    .action(async (file: string, flags: GlobalFlags & RestoreFlags) => {
      const { restore } = await import('../actions/backup.js');
      await restore(answerOf(globals(flags), io), io, file, flags);
    });
}
