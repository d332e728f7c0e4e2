interface Htm {
  bind<V>(h: (type: unknown, props: Record<string, unknown> | null, ...children: unknown[]) => V):
    (strings: TemplateStringsArray, ...values: unknown[]) => V;
}
declare const htm: Htm;
export default htm;
