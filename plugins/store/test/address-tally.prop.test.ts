import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Draft, View } from '@swarmkit/sdk/contracts/store';
import { FakeStore } from '@swarmkit/sdk/testkit/fake-store';
import { aNetwork, aNode, aService, aTask } from '@swarmkit/sdk/testkit/fixtures';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import fc from 'fast-check';
import { anyone, Rig } from './rig.js';

/** Whatever holds addresses comes, changes and goes: as they were counted, they are what a fresh look finds. */

interface Move {
  readonly kind: 'service' | 'node' | 'task';
  readonly id: string;
  readonly goes: boolean;
  readonly ended: boolean;
  readonly given: readonly (readonly [network: string, address: number])[];
}

const networks = ['n1', 'n2'];
const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.constantFrom('service' as const, 'node' as const, 'task' as const, 'task' as const),
  id: fc.constantFrom('a', 'b', 'c'),
  goes: fc.boolean(),
  ended: fc.boolean(),
  given: fc.array(fc.tuple(fc.constantFrom(...networks), fc.nat({ max: 3 })), { maxLength: 3 }),
});

/** Without one at 0, as of a network of the node; those of few numbers have several holders. */
const text = (address: number): string => (address === 0 ? '' : `10.0.0.${address}/24`);

function play(draft: Draft, { kind, id, goes, ended, given }: Move): void {
  const there = draft.get(kind, id) !== undefined;
  if (there && goes) {
    draft.remove(kind, id);
    return;
  }
  const attachments = given.map(([network, address]) => ({
    network: aNetwork({ id: network }),
    addresses: [text(address)],
    aliases: [],
    driverAttachmentOpts: {},
  }));
  const endpoint = {
    virtualIps: given.map(([networkId, address]) => ({ networkId, addr: text(address + 1) })),
  };
  if (kind === 'service') {
    const made = aService({ id, spec: { annotations: { name: id } }, endpoint });
    const old = draft.get('service', id);
    if (old === undefined) draft.create('service', made);
    else draft.update('service', { ...old, endpoint: made.endpoint });
  } else if (kind === 'node') {
    const old = draft.get('node', id);
    if (old === undefined) draft.create('node', { ...aNode({ id }), attachments });
    else draft.update('node', { ...old, attachments });
  } else {
    const status = { state: ended ? TaskState.FAILED : TaskState.RUNNING };
    const made = { ...aTask({ id, status, endpoint }), networks: attachments };
    const old = draft.get('task', id);
    if (old === undefined) draft.create('task', made);
    // Only its state, as most changes of tasks.
    else if (given.length === 0) draft.update('task', { ...old, status: made.status });
    else draft.update('task', { ...made, meta: old.meta });
  }
}

const addressesOf = (view: View): unknown =>
  [...networks, 'none'].map((id) => {
    const held = view.addresses(id);
    return [held.size, [1, 2, 3, 4].filter((address) => held.has(`10.0.0.${address}`))];
  });

test('addresses as they were counted are addresses as they are held', async () => {
  let several = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(move, { minLength: 1, maxLength: 4 }), { maxLength: 20, size: 'max' }),
      async (writes) => {
        const rig = new Rig();
        const fake = new FakeStore({ now: () => rig.now });
        for (const [first, ...moves] of writes) {
          const expected = fake.updateNow(anyone, (draft) => {
            for (const each of [first, ...moves]) play(draft, each as Move);
            return addressesOf(draft);
          });
          const done = rig.store.update(anyone, (draft) => {
            play(draft, first as Move);
            const mark = draft.mark();
            const before = addressesOf(draft);
            for (const each of moves) play(draft, each);
            draft.rollback(mark);
            assert.deepEqual(addressesOf(draft), before, 'rolled back');
            for (const each of moves) play(draft, each);
            assert.deepEqual(addressesOf(draft), expected, 'in the draft');
          });
          await rig.settle();
          await done;
          assert.deepEqual(addressesOf(rig.store.view()), expected, 'committed');
          assert.deepEqual(addressesOf(rig.replica.view()), expected, 'on another member');
          several += JSON.stringify(expected).includes('[3') ? 1 : 0;
        }
        const restored = new Rig();
        await restored.store.restore(await rig.store.snapshot(), 1n);
        assert.deepEqual(addressesOf(restored.store.view()), addressesOf(fake.view()), 'restored');
      },
    ),
    { numRuns: 100 },
  );
  assert.ok(several > 100, `three addresses were held ${several} times: this says nothing`);
});
