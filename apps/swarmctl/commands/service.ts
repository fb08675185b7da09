import type { Command } from 'commander';
import type { Open } from '../session.js';
import { acceptSwitchValues } from './switch-values.js';
import { addLogFlags, type LogFlags } from './log-flags.js';
import { addServiceFlags, addUpdateFlags, type ServiceFlags } from '../spec/service-flags.js';

/** `swarmctl service …`: flags and arguments. What they do is loaded when it is done. */

export interface WaitFlags {
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

export function addServiceCommands(service: Command, open: Open): void {
  addCreate(service, open);
  addUpdate(service, open);

  service
    .command('ls')
    .alias('list')
    .description('List services')
    .option('-q, --quiet', 'ids only')
    .action(async (flags: { readonly quiet?: boolean }) => {
      const { listServices } = await import('../actions/service-list.js');
      await listServices(await open(), flags);
    });

  service
    .command('inspect')
    .argument('<service>')
    .description('Show a service and its tasks')
    .option('-a, --all', 'also tasks that have ended')
    .action(async (word: string, flags: { readonly all?: boolean }) => {
      const { inspectService } = await import('../actions/service-inspect.js');
      await inspectService(await open(), word, flags);
    });

  addLogFlags(
    service
      .command('logs')
      .argument('<service>', 'or one of its tasks')
      .description('Show what the tasks of a service print'),
  ).action(async (word: string, flags: LogFlags) => {
    const { serviceLogs } = await import('../actions/logs.js');
    await serviceLogs(await open(), word, flags);
  });

  service
    .command('ps')
    .argument('<service...>')
    .description('List the tasks of services, ended ones too')
    .option('-q, --quiet', 'ids only')
    .action(async (words: readonly string[], flags: { readonly quiet?: boolean }) => {
      const { listTasks } = await import('../actions/task-list.js');
      await listTasks(await open(), words, { ...flags, all: true });
    });

  const scale = service
    .command('scale')
    .argument('<service=n...>')
    .description('Change how many tasks services have');
  addWaitFlags(scale);
  scale.action(async (words: readonly string[], flags: WaitFlags) => {
    const { scaleServices } = await import('../actions/service-write.js');
    await scaleServices(await open(), words, flags);
  });

  const rollback = service
    .command('rollback')
    .argument('<service>')
    .description('Go back to what the service was before its last update');
  addWaitFlags(rollback);
  rollback.action(async (word: string, flags: WaitFlags) => {
    const { updateService } = await import('../actions/service-write.js');
    await updateService(await open(), word, { ...flags, rollback: true });
  });

  service
    .command('rm')
    .argument('<service...>')
    .alias('remove')
    .description('Remove services and their tasks')
    .action(async (words: readonly string[]) => {
      const { removeServices } = await import('../actions/service-write.js');
      await removeServices(await open(), words);
    });
}

function addCreate(service: Command, open: Open): void {
  const command = service
    .command('create')
    .description('Create a service')
    .argument('[image]', 'container image (or --image)')
    .argument('[command...]', "replaces the image's command; all that follows the image is its own")
    .option('--name <name>', 'name of the service (default: made up from the image)')
    .option(
      '--mode <mode>',
      'replicated, global, replicated-job or global-job (default: replicated)',
    )
    .passThroughOptions();
  addWaitFlags(command);
  addServiceFlags(command);
  acceptSwitchValues(command, 'the first word');
  command.action(
    async (
      image: string | undefined,
      words: readonly string[],
      flags: ServiceFlags & WaitFlags,
    ) => {
      const { createService } = await import('../actions/service-write.js');
      await createService(await open(), image, words, flags);
    },
  );
}

function addUpdate(service: Command, open: Open): void {
  const command = service
    .command('update')
    .description('Change a service: what is not named stays, and a list that is named is replaced')
    .argument('<service>');
  addWaitFlags(command);
  addServiceFlags(command);
  addUpdateFlags(command);
  acceptSwitchValues(command, 'the end');
  command.action(async (word: string, flags: ServiceFlags & WaitFlags) => {
    const { updateService } = await import('../actions/service-write.js');
    await updateService(await open(), word, flags);
  });
}

function addWaitFlags(command: Command): void {
  command
    .option('-d, --detach', 'do not wait until it has converged')
    .option('-q, --quiet', 'wait, but show no progress');
}
