import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

// The program as people start it. This file runs as dist/test/process.test.js.
const main = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../main.js');
const swarmctl = `'${process.execPath}' '${main}'`;

const bash = (script: string) =>
  spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 30_000 });

test('without a manager: one sentence and exit code 4', () => {
  const done = spawnSync(process.execPath, [main, '-s', '/nowhere/swarmd.sock', 'service', 'ls'], {
    encoding: 'utf8',
    timeout: 30_000,
  });
  assert.deepEqual([done.status, done.stdout], [4, '']);
  assert.equal(
    done.stderr,
    'swarmctl: there is no control socket at /nowhere/swarmd.sock; start swarmd, or name its socket with --socket or SWARM_SOCKET\n',
  );
});

test('the version is that of the package', () => {
  const done = spawnSync(process.execPath, [main, '--version'], { encoding: 'utf8' });
  assert.match(done.stdout, /^\d+\.\d+\.\d+\n$/);
});

test('a reader that has seen enough is no error', () => {
  const done = bash(`${swarmctl} service create --help | true; echo "code \${PIPESTATUS[0]}"`);
  assert.deepEqual([done.stdout, done.stderr], ['code 0\n', '']);
});

test('the completion script works in bash', () => {
  const done = bash(`
    swarmctl() { ${swarmctl} "$@"; }
    source <(swarmctl completion bash)
    complete -p swarmctl
    COMP_WORDS=(swarmctl service cr) COMP_CWORD=2
    _swarmctl
    echo "\${COMPREPLY[*]}"
    COMP_WORDS=(swarmctl --format '') COMP_CWORD=2
    _swarmctl
    printf '%s,' "\${COMPREPLY[@]}"
  `);
  assert.equal(done.stderr, '');
  assert.equal(done.stdout, 'complete -o default -F _swarmctl swarmctl\ncreate\njson,table,');
});
