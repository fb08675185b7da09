import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { aTask } from '../../testkit/fixtures.js';
import { Config, Secret } from '../../wire/gen/swarmkit/objects.js';
import { ContainerSpec } from '../../wire/gen/swarmkit/specs.js';
import { NodeDescription } from '../../wire/gen/swarmkit/types.js';
import { expandTemplate } from '../template/evaluate.js';
import { expandContainer, expandPayload, templateContext } from '../template/expand-task.js';
import { TemplateError } from '../template/template-error.js';

const task = aTask({
  id: 'tid',
  serviceId: 'sid',
  nodeId: 'nid',
  slot: 3n,
  serviceAnnotations: { name: 'web', labels: { tier: 'front', b: '2', a: '1' } },
});
const description = NodeDescription.fromPartial({
  hostname: 'alpha',
  platform: { os: 'linux', architecture: 'x86_64' },
});
const data = templateContext(task, description);
const expand = (text: string): string => expandTemplate(text, { data });

describe('templates', () => {
  for (const [text, result] of [
    ['no placeholders, } not { even these', 'no placeholders, } not { even these'],
    ['{{.Service.ID}} {{ .Service.Name }} {{.Node.ID}} {{.Node.Hostname}}', 'sid web nid alpha'],
    ['{{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}', 'linux/x86_64'],
    ['{{.Task.ID}} {{.Task.Name}} {{.Task.Slot}}', 'tid web.3.tid 3'],
    ['{{.Service.Labels.tier}}', 'front'],
    ['[{{index .Service.Labels "none"}}]', '[]'],
    ['{{index .Service.Labels "tier"}}', 'front'],
    ['{{.Service.Labels}}', 'map[a:1 b:2 tier:front]'],
    ['{{join "-" .Service.Name .Task.Slot}}', 'web-3'],
    ['{{.Service.Name | printf "%s-%05d" "x" | len}}', '17'],
    ['{{printf "%-5s|%5s|%q|%%" "a" "b" "c"}}', 'a    |    b|"c"|%'],
    ['{{if eq .Task.Slot "3"}}three{{else}}other{{end}}', 'three'],
    ['{{if ne .Task.Slot "3"}}x{{else if eq .Node.Hostname "alpha"}}y{{else}}z{{end}}', 'y'],
    ['{{range $k, $v := .Service.Labels}}{{$k}}={{$v}};{{end}}', 'a=1;b=2;tier=front;'],
    ['{{range .Service.Labels}}{{.}}{{if eq . "1"}}{{continue}}{{end}},{{break}}{{end}}', '12,'],
    ['{{with .Node}}{{.Hostname}} of {{$.Service.Name}}{{end}}', 'alpha of web'],
    ['{{with ""}}x{{else}}empty{{end}}', 'empty'],
    ['{{$x := "a"}}{{if true}}{{$x = "b"}}{{end}}{{$x}}', 'b'],
    ['{{$x := "a"}}{{if true}}{{$x := "b"}}{{end}}{{$x}}', 'a'],
    ['a  {{- "b" -}}  c', 'abc'],
    ['a{{/* a comment */}}b {{- /* trimmed */ -}} c', 'abc'],
    ['{{"a\\tb\\u00e9"}}{{`raw\\n`}}', 'a\tbéraw\\n'],
    ['{{and "a" ""}}|{{or "" "b"}}|{{not true}}', '|b|false'],
    ['{{or "x" (index .Nope "y")}}', 'x'],
    ['{{(index .Service.Labels "tier") | html}}', 'front'],
    ['{{html "<a>"}} {{js "it\'s"}} {{urlquery "a b&c"}}', "&lt;a&gt; it\\'s a+b%26c"],
    ['{{slice "abcdef" 1 3}}{{len "é"}}', 'bc2'],
    ['{{lt 1 2}} {{ge "b" "a"}} {{eq 1 2 1}}', 'true true true'],
    ['{{print 1 2 "a" 3}}', '1 2a3'],
  ] as const)
    it(text, () => assert.equal(expand(text), result));

  for (const [text, problem] of [
    [
      '{{.Nothing.here}}',
      'template: expansion:1:10: executing "expansion" at <.Nothing.here>: can\'t evaluate field Nothing in type *template.Context',
    ],
    ['{{.Task.ID', 'template: expansion:1: unclosed action'],
    ['a\n{{env "X"}}', 'template: expansion:2: function "env" not defined'],
    [
      '{{.Service.Labels.foo}}',
      'template: expansion:1:10: executing "expansion" at <.Service.Labels.foo>: map has no entry for key "foo"',
    ],
    ['{{define "x"}}{{end}}', 'template: expansion:1: {{define}} is not supported in expansions'],
    ['{{if true}}', 'template: expansion:1: unexpected EOF'],
    ['{{end}}', 'template: expansion:1: unexpected {{end}}'],
    ['{{$x}}', 'template: expansion:1: undefined variable "$x"'],
    ['{{break}}', 'template: expansion:1: {{break}} outside {{range}}'],
    ['{{"open}}', 'template: expansion:1: unterminated quoted string'],
    ['{{1 2}}', "template: expansion:1: can't give argument to non-function 1"],
    ['{{}}', 'template: expansion:1: missing value for command'],
    ['{{/* open', 'template: expansion:1: unclosed comment'],
    ['{{range 9999999999}}x{{end}}', /range can't iterate over 9999999999$/],
    ['{{range 400}}{{range 400}}{{range 400}}x{{end}}{{end}}{{end}}', /too many steps$/],
    ['{{.Task.Slot.X}}', /can't evaluate field X in type string$/],
    ['{{index .Service "x"}}', /error calling index: can't index item of type template.Service$/],
  ] as const)
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => expand(text),
        (error: unknown) => {
          assert.ok(error instanceof TemplateError);
          if (typeof problem === 'string') assert.equal(error.message, problem);
          else assert.match(error.message, problem);
          return true;
        },
      );
    });

  it('whatever is written gives a text or a TemplateError, and soon', () => {
    const word = fc.constantFrom(
      ...[
        '{{',
        '}}',
        '{{-',
        '-}}',
        ' ',
        '.',
        '.Service',
        '.Name',
        '$',
        '$x',
        ':=',
        '=',
        '|',
        '(',
        ')',
      ],
      ...[
        'if',
        'else',
        'end',
        'range',
        'with',
        'break',
        'index',
        'printf',
        '"a"',
        '1',
        'nil',
        ',',
        'x',
      ],
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 14 }), (words) => {
        try {
          assert.equal(typeof expand(words.join('')), 'string');
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('placeholders of a container', () => {
  it('env values, hostname and mounts; not names, nor what has no equals sign', () => {
    const container = ContainerSpec.fromPartial({
      image: '{{.Service.Name}}',
      args: ['{{.Task.Slot}}'],
      env: ['SLOT={{.Task.Slot}}', '{{.Task.Slot}}=x', '{{.Task.Slot}}', 'PLAIN=1'],
      hostname: '{{.Node.Hostname}}-{{.Task.Slot}}',
      mounts: [
        {
          source: 'vol-{{.Task.Slot}}',
          target: '/data/{{.Service.Name}}',
          volumeOptions: {
            labels: { '{{.Task.Slot}}': '{{.Task.Slot}}' },
            driverConfig: { name: '{{.Task.Slot}}', options: { o: '{{.Task.Slot}}' } },
          },
        },
      ],
    });
    const expanded = expandContainer(container, data);
    assert.deepEqual(expanded.env, ['SLOT=3', '{{.Task.Slot}}=x', '{{.Task.Slot}}', 'PLAIN=1']);
    assert.equal(expanded.hostname, 'alpha-3');
    assert.equal(expanded.image, container.image);
    assert.deepEqual(expanded.args, container.args);
    const [mount] = expanded.mounts;
    assert.deepEqual([mount?.source, mount?.target], ['vol-3', '/data/web']);
    assert.deepEqual(mount?.volumeOptions?.labels, { '{{.Task.Slot}}': '3' });
    assert.deepEqual(mount?.volumeOptions?.driverConfig?.options, { o: '3' });
    assert.equal(mount?.volumeOptions?.driverConfig?.name, '{{.Task.Slot}}');
  });

  it('nothing to expand is the same object', () => {
    const container = ContainerSpec.fromPartial({ env: ['A=1'] });
    assert.equal(expandContainer(container, data), container);
  });

  it('says what failed in the words of SwarmKit', () => {
    const fails = (part: Parameters<typeof ContainerSpec.fromPartial>[0], message: string) =>
      assert.throws(() => expandContainer(ContainerSpec.fromPartial(part), data), { message });
    fails(
      { hostname: '{{.Nothing.here}}' },
      'expanding hostname failed: template: expansion:1:10: executing "expansion" at <.Nothing.here>: can\'t evaluate field Nothing in type *template.Context',
    );
    fails(
      { env: ['A={{.Task.ID'] },
      'expanding env failed: expanding env "A={{.Task.ID": template: expansion:1: unclosed action',
    );
  });
});

describe('payloads', () => {
  const file = (name: string) => ({
    $case: 'file' as const,
    value: { name, uid: '0', gid: '0', mode: 0o444 },
  });
  const withSecrets = aTask({
    ...task,
    spec: {
      runtime: {
        $case: 'container',
        value: ContainerSpec.fromPartial({
          env: ['WHO={{.Service.Name}}'],
          secrets: [{ secretId: 's1', secretName: 'pw', target: file('password') }],
          configs: [{ configId: 'c1', configName: 'c', target: file('other') }],
        }),
      },
    },
  });
  const payloads = {
    secret: (id: string) =>
      id === 's1'
        ? Secret.fromPartial({ id, spec: { data: Buffer.from('{{.Task.ID}}!') } })
        : undefined,
    config: (id: string) =>
      id === 'c1' ? Config.fromPartial({ id, spec: { data: Buffer.from('conf') } }) : undefined,
  };
  const config = (text: string, templating: string | undefined = 'golang') =>
    Config.fromPartial({
      id: 'cid',
      spec: {
        data: Buffer.from(text),
        ...(templating === undefined ? {} : { templating: { name: templating } }),
      },
    });
  const run = (object: Config) =>
    expandPayload(object, 'config', withSecrets, description, payloads);

  it('without templating are bytes', () => {
    const plain = Config.fromPartial({ id: 'x', spec: { data: Buffer.from('{{.Task.ID}}') } });
    assert.equal(String(run(plain).data), '{{.Task.ID}}');
  });

  it('take secrets, configs and the environment in, once', () => {
    const { data: text, isSensitive } = run(
      config('{{env "WHO"}} {{env "NONE"}} {{secret "password"}} {{config "other"}}'),
    );
    assert.equal(String(text), 'web  {{.Task.ID}}! conf');
    assert.equal(isSensitive, true);
    assert.equal(run(config('{{config "other"}}')).isSensitive, false);
  });

  it('say what is missing', () => {
    assert.throws(() => run(config('{{secret "nope"}}')), {
      message: /^failed to expand templated config cid: .*secret target nope not found$/,
    });
    assert.throws(() => run(config('', 'jinja')), { message: 'unrecognized template type' });
  });
});
