import { Executors } from '@swarmkit/sdk/contracts/executor';
import { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { ProcessExecutor } from './shell/process-executor.js';

export interface ProcessConfig {
  readonly dir: string;
  readonly memoryDir?: string;
}

/** Runs tasks as plain child processes, for machines without a container runtime. */
export const executorProcess = definePlugin<ProcessConfig>({
  id: 'executor-process',
  version: '0.1.0',
  scope: 'agent',
  requires: [TaskLogs],
  contributes: [Executors],
  config: {
    type: 'object',
    required: ['dir'],
    properties: {
      dir: { type: 'string', minLength: 1, description: 'holds one folder a task' },
      memoryDir: { type: 'string', minLength: 1, description: 'secrets and configs; on a tmpfs' },
    },
  },

  register(ctx) {
    const executor = new ProcessExecutor({
      dir: ctx.config.dir,
      memoryDir: ctx.config.memoryDir,
      clock: ctx.env.clock,
      logs: ctx.get(TaskLogs),
      events: ctx.channel('events'),
    });
    ctx.provide(Executors, executor);
    ctx.signal.addEventListener('abort', () => executor.close());
  },

  start(ctx) {
    ctx.log.warn('tasks run as plain processes of this machine, without any isolation');
  },
});

export default executorProcess;
