import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Logger } from '@swarmkit/sdk/plugin/plugin';
import { VirtualEnv } from '@swarmkit/sdk/testkit/virtual-env';
import { NEVER } from 'rxjs';
import { Dismissal } from '../shell/dismissal.js';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} };

function dismissal(role: () => 'manager' | 'worker') {
  const { clock } = new VirtualEnv('dismissal');
  const told: string[] = [];
  const note = (what: string): void => void told.push(`${clock.monotonic()} ${what}`);
  const made = new Dismissal({
    clock,
    log: quiet,
    duty: { name: 'duty', dropped: 0, publish: (on) => note(String(on)), facts$: NEVER },
    role,
    forceRenewal: () => note('renew'),
    signal: new AbortController().signal,
  });
  return { made, clock, told };
}

it('a manager that was removed is none at once, and may be one again when it is a worker first', async () => {
  let role: 'manager' | 'worker' = 'manager';
  const { made, clock, told } = dismissal(() => role);
  made.dismiss();
  made.dismiss();
  await clock.advance(3_000);
  made.renewed();
  role = 'worker';
  await clock.advance(1_000);
  made.renewed();
  await clock.advance(60_000);
  assert.deepEqual(told, ['0 true', '0 false', '4000 true']);
});

it('where the certificate stays that of a manager it is renewed, and the node is one again after 32 s', async () => {
  const { made, clock, told } = dismissal(() => 'manager');
  made.dismiss();
  await clock.advance(60_000);
  assert.deepEqual(told, ['0 true', '0 false', '16000 renew', '32000 true']);
});
