/**
 * The text of a rehearsal, with each problem at its line. Loaded when it is first shown: the editor is larger than the rest
 * of the console. Tab moves the focus on, as everywhere; two spaces are typed.
 */
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState, type Text } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useEffectEvent, useRef } from "react";
import type { Problem } from "./rehearsals";

interface Props {
  /** The text at first; later changes of it replace what is written. */
  value: string;
  onChange: (text: string) => void;
  problems: Problem[];
  isReadOnly: boolean;
  label: string;
}

const look = EditorView.theme({
  "&": { backgroundColor: "var(--oh-surface)", color: "var(--oh-ink)", fontSize: "0.9rem" },
  "&.cm-focused": { outline: "2px solid var(--mantine-primary-color-filled)", outlineOffset: "2px" },
  ".cm-content": { fontFamily: "var(--mantine-font-family-monospace)", padding: "0.7rem 0", caretColor: "var(--oh-ink)" },
  ".cm-gutters": { backgroundColor: "var(--oh-sunken)", color: "var(--oh-muted)", border: "none" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--oh-agent) 8%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--oh-ink)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--oh-caller-soft) !important" },
  ".cm-tooltip": { backgroundColor: "var(--oh-surface)", border: "1px solid var(--oh-line-strong)", color: "var(--oh-ink)" },
});
const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--oh-agent)" },
  { tag: [tags.string, tags.content], color: "var(--oh-ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--oh-caller)" },
  { tag: tags.comment, color: "var(--oh-muted)", fontStyle: "italic" },
  { tag: tags.punctuation, color: "var(--oh-muted)" },
]);

export default function YamlEditor({ value, onChange, problems, isReadOnly, label }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView | null>(null);
  const changed = useEffectEvent(onChange);
  const firstText = useRef(value);

  useEffect(() => {
    if (place.current === null) return;
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: firstText.current,
        extensions: [
          lineNumbers(),
          lintGutter(),
          history(),
          drawSelection(),
          highlightActiveLine(),
          bracketMatching(),
          indentOnInput(),
          yaml(),
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
          EditorState.readOnly.of(isReadOnly),
          EditorState.tabSize.of(2),
          keymap.of([...defaultKeymap, ...historyKeymap]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed(update.state.doc.toString());
          }),
        ],
      }),
    });
    editor.current = view;
    return () => {
      view.destroy();
      editor.current = null;
    };
  }, [isReadOnly, label]);

  useEffect(() => {
    firstText.current = value;
    const view = editor.current;
    if (view === null || view.state.doc.toString() === value) return;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const view = editor.current;
    if (view === null) return;
    view.dispatch(setDiagnostics(view.state, problems.map((problem) => diagnosticOf(view.state.doc, problem))));
  }, [problems]);

  return <div ref={place} />;
}

function diagnosticOf(text: Text, problem: Problem): Diagnostic {
  const line = text.line(Math.min(Math.max(1, problem.line), text.lines));
  const from = Math.min(line.from + problem.column - 1, line.to);
  const word = /^[^\s,[\]{}:]+/.exec(text.sliceString(from, line.to))?.[0].length ?? 0;
  const message = problem.path ? `${problem.path}: ${problem.message}` : problem.message;
  return { from, to: Math.max(from, from + word), severity: "error", message };
}
