import { LogSinks, TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { LogFiles } from './shell/log-files.js';

export interface LogFilesConfig {
  readonly dir: string;
  readonly maxBytes: number;
  readonly keep: number;
}

const running = new WeakMap<Context<LogFilesConfig>, LogFiles>();

/** Keeps task output in bounded files. */
export const logFiles = definePlugin<LogFilesConfig>({
  id: 'log-files',
  version: '0.1.0',
  scope: 'node',
  provides: [TaskLogs],
  // A sink of somebody else's that throws must not take the node with it.
  policy: 'degrade',
  accepts: [LogSinks],
  config: {
    type: 'object',
    required: ['dir'],
    properties: {
      dir: { type: 'string', minLength: 1, description: 'holds one folder a task' },
      maxBytes: {
        type: 'integer',
        minimum: 4096,
        default: 10485760,
        description: "a file's bound",
      },
      keep: { type: 'integer', minimum: 1, default: 2, description: 'files kept for a task' },
    },
  },

  register(ctx) {
    const logs = new LogFiles({
      ...ctx.config,
      clock: ctx.env.clock,
      log: ctx.log,
      sinks: ctx.all(LogSinks),
      onSinkFault: (sink, error) => ctx.fault(`log sink ${sink}`, error),
    });
    running.set(ctx, logs);
    ctx.provide(TaskLogs, logs);
  },

  async stop(ctx) {
    await running.get(ctx)?.close();
  },
});

export default logFiles;
