import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aNetwork, aNode } from '@swarmkit/sdk/testkit/fixtures';
import { Alarms } from '../shell/alarms.js';

/** What the log says of networks that run out of addresses: once, and again after it was better. */

function heard(): { readonly alarms: Alarms; readonly said: () => readonly string[] } {
  const lines: string[] = [];
  const warn = (_fields: object, text: string): void => {
    lines.push(text.replace(/:.*/, ''));
  };
  return { alarms: new Alarms({ warn } as never), said: () => lines.splice(0) };
}

const network = aNetwork({ id: 'front', spec: { annotations: { name: 'front' } } });

test('a network that is three quarters full', () => {
  const { alarms, said } = heard();
  const held = (count: number) => alarms.take([{ network, held: count, capacity: 100 }], []);
  held(74);
  assert.deepEqual(said(), []);
  held(75);
  assert.deepEqual(said(), ['network front has given 75 of its 100 addresses']);
  for (const count of [76, 72, 80]) held(count);
  assert.deepEqual(said(), [], 'told already, and it did not become better');
  held(69);
  held(75);
  assert.deepEqual(said(), ['network front has given 75 of its 100 addresses']);
});

test('a node for which there is no address', () => {
  const { alarms, said } = heard();
  const lacking = (...ids: readonly string[]) =>
    alarms.take(
      [],
      ids.map((id) => ({ node: aNode({ id }), networks: [network] })),
    );
  lacking('a');
  lacking('a', 'b');
  assert.deepEqual(said(), [
    'network front has no address left for node a',
    'network front has no address left for node b',
  ]);
  lacking('a', 'b');
  lacking('b');
  assert.deepEqual(said(), []);
  lacking('a', 'b');
  assert.deepEqual(said(), ['network front has no address left for node a']);
});
