/** Runs tasks as containerd containers. */
import { type ExecutorEvent, Executors } from '@swarmkit/sdk/contracts/executor';
import { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { type ContainerdConfig, ContainerdExecutor } from './shell/executor.js';

const executors = new WeakMap<object, ContainerdExecutor>();

export const executorContainerd = definePlugin<ContainerdConfig>({
  id: 'executor-containerd',
  version: '0.1.0',
  scope: 'agent',
  requires: [TaskLogs],
  contributes: [Executors],
  config: {
    type: 'object',
    required: ['dir'],
    additionalProperties: false,
    properties: {
      address: { type: 'string', default: '/run/containerd/containerd.sock' },
      namespace: {
        type: 'string',
        default: 'swarmkit',
        pattern: '^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$',
      },
      snapshotter: { type: 'string', default: 'overlayfs' },
      dir: { type: 'string', minLength: 1 },
      memoryDir: { type: 'string', minLength: 1, description: 'on a tmpfs' },
      runtime: { type: 'string', default: 'io.containerd.runc.v2' },
    },
  },

  register(ctx) {
    const executor = new ContainerdExecutor(ctx.config, {
      logs: ctx.get(TaskLogs),
      env: ctx.env,
      log: ctx.log,
      events: ctx.channel<ExecutorEvent>('events', { overflow: 'drop' }),
    });
    executors.set(ctx, executor);
    ctx.provide(Executors, executor);
  },

  start(ctx) {
    executors.get(ctx)?.start();
  },

  stop(ctx) {
    executors.get(ctx)?.stop();
  },
});

export default executorContainerd;
