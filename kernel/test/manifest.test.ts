import assert from 'node:assert/strict';
import { test } from 'node:test';
import { manifestProblem } from '@swarmkit/sdk/plugin/manifest-problem';
import { A, Points } from './kit.js';

const good = {
  id: 'acme-scorer',
  version: '1.0.0-rc.1',
  scope: 'leader',
  requires: [A],
  accepts: [Points],
  optional: undefined,
  policy: 'restart',
  config: {},
  start: () => undefined,
  stop: undefined,
};

test('a manifest passes, whoever made its tokens', () => {
  assert.equal(manifestProblem(good), undefined);
  const token = { id: 'x.y.v1', key: Symbol.for('x.y.v1'), many: true };
  assert.equal(manifestProblem({ ...good, contributes: [token] }), undefined);
});

test('each wrong field is named', () => {
  const cases: readonly (readonly [object | undefined, string])[] = [
    [undefined, 'it is not an object made by definePlugin'],
    [{ ...good, config: [] }, 'config must be a JSON schema'],
    [{ ...good, start: 'now' }, 'start must be a function'],
    [{ ...good, id: 'Acme' }, 'id must be words of a-z, 0-9 and -'],
    [{ ...good, version: 1 }, 'version must be like 1.2.3'],
    [{ ...good, scope: undefined }, 'scope must be the name of a scope'],
    [{ ...good, policy: 'ignore' }, 'policy must be restart, degrade or stop-node'],
    [{ ...good, requires: A }, 'requires must be a list of tokens'],
    [
      { ...good, requires: [{ id: 'a', key: Symbol('a'), many: false }] },
      'requires must be a list of tokens',
    ],
    [{ ...good, require: [A] }, 'require is not known'],
  ];
  for (const [value, problem] of cases) assert.equal(manifestProblem(value), problem);
});
