import { Executors } from '@swarmkit/sdk/contracts/executor';
import { TaskLogs } from '@swarmkit/sdk/contracts/log-sink';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { DockerExecutor } from './shell/docker-executor.js';

export interface DockerConfig {
  readonly socket: string;
  readonly memoryDir?: string;
}

const running = new WeakMap<Context<DockerConfig>, DockerExecutor>();

/** Runs tasks as containers of a Docker engine. */
export const executorDocker = definePlugin<DockerConfig>({
  id: 'executor-docker',
  version: '0.1.0',
  scope: 'agent',
  requires: [TaskLogs],
  contributes: [Executors],
  config: {
    type: 'object',
    properties: {
      socket: {
        type: 'string',
        minLength: 1,
        default: '/var/run/docker.sock',
        description: "path of the engine's socket",
      },
      memoryDir: {
        type: 'string',
        minLength: 1,
        description: 'secrets and configs of tasks; on a tmpfs that the engine sees too',
      },
    },
  },

  register(ctx) {
    const executor = new DockerExecutor({
      socket: ctx.config.socket,
      memoryDir: ctx.config.memoryDir,
      clock: ctx.env.clock,
      logs: ctx.get(TaskLogs),
      events: ctx.channel('events'),
    });
    running.set(ctx, executor);
    ctx.provide(Executors, executor);
  },

  start(ctx) {
    const executor = running.get(ctx);
    ctx.run('engine events', async () => executor?.watch(ctx.signal));
  },

  stop(ctx) {
    running.get(ctx)?.close();
  },
});

export default executorDocker;
