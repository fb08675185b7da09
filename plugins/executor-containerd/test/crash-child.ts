/** An agent that is about to be killed: starts the tasks named in its arguments and says how far it came. */
import { MemoryTaskLogs } from '@swarmkit/sdk/testkit/memory-task-logs';
import { executorAt, sleeper } from './support.js';

const [address = '', dir = '', ...ids] = process.argv.slice(2);
const executor = executorAt({ address, dir }, new MemoryTaskLogs());
for (const id of ids) {
  const controller = executor.controller(sleeper(id));
  const calm = new AbortController().signal;
  void (async () => {
    await controller.prepare(calm);
    process.stdout.write(`prepared ${id}\n`);
    await controller.start(calm);
    process.stdout.write(`running ${id} ${(await controller.containerStatus())?.pid}\n`);
  })();
}
