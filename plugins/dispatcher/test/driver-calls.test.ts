import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { SecretDriver, SecretRequest } from '@swarmkit/sdk/contracts/secret-driver';
import { VirtualClock } from '@swarmkit/sdk/testkit/virtual-env';
import { DriverCalls } from '../shell/driver-calls.js';
import { turns } from './leader.js';

it('no more calls are made at once than may be, also when many end and many come at the same time', async () => {
  const open: (() => void)[] = [];
  let most = 0;
  const driver: SecretDriver = {
    id: 'counting',
    has: () => Promise.resolve(true),
    get: async () => {
      await new Promise<void>((resolve) => {
        open.push(resolve);
        most = Math.max(most, open.length);
      });
      return { value: Buffer.from('x'), doNotReuse: true };
    },
  };
  const calls = new DriverCalls(new VirtualClock(0), () => [driver]);
  let ended = 0;
  const ask = (): void => {
    void calls.value({ driver: 'any' } as SecretRequest).then(() => {
      ended++;
      // One more for each that ends, while others wait: those that come now are not ahead of them.
      if (ended <= 40) ask();
    });
  };
  for (let i = 0; i < 40; i++) ask();
  while (ended < 80) {
    await turns(3);
    for (const end of open.splice(0)) end();
  }
  assert.equal(most, 16);
});
