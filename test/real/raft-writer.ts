/** Child process: proposes without end, from 16 callers, and prints each text when it is acknowledged. */
import { writeSync } from 'node:fs';
import { startRaftHost } from './raft-host.js';

const [dir, life] = process.argv.slice(2) as [string, string];
const host = await startRaftHost(dir);
await host.leads();
for (let caller = 0; caller < 16; caller++)
  void (async () => {
    for (let n = 0; ; n++) {
      const text = `${life}/${caller}/${n}`;
      await host.consensus.propose(Buffer.from(text.padEnd(512, '.')));
      writeSync(1, `${text}\n`);
    }
  })();
