/** A list of texts, one per line, each with its own error: phone numbers, check-ins in their order. */
import { ActionIcon, Button, Input, TextInput } from "@mantine/core";
import { IconArrowUp, IconPlus, IconTrash } from "@tabler/icons-react";
import { useId, useRef } from "react";
import { resolved } from "../schema";
import { itemMessage, ownMessage, textsOf, type FieldProps } from "./FieldProps";
import { Help } from "./Help";
import classes from "./Lines.module.css";

export function LinesField({ onElement, ...props }: FieldProps) {
  const { schema, onChange, isReadOnly } = props;
  const lines = textsOf(props.value);
  const items = resolved(schema.items ?? {});
  const isPhone = items.pattern !== undefined;
  const list = useRef<HTMLDivElement>(null);
  const labelId = useId();
  const mayAdd = !isReadOnly && lines.length < (schema.maxItems ?? Infinity);
  const add = () => {
    onChange([...lines, ""]);
    requestAnimationFrame(() => {
      list.current?.querySelector<HTMLInputElement>("li:last-of-type input")?.focus();
    });
  };
  return (
    <Input.Wrapper
      labelElement="div"
      label={props.label}
      labelProps={{ id: labelId }}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
    >
      <div className={classes.lines} ref={list} role="group" aria-labelledby={labelId}>
        {lines.length > 0 && (
          <ol className={classes.list}>
            {lines.map((line, index) => {
              const name = `${props.label}, ${String(index + 1)}`;
              return (
                // The place is the identity of a line: two may hold the same text.
                <li key={index} className={classes.line}>
                  <TextInput
                    className={classes.input ?? ""}
                    aria-label={name}
                    error={itemMessage(props.error, index)}
                    value={line}
                    readOnly={isReadOnly}
                    type={isPhone ? "tel" : "text"}
                    placeholder={isPhone ? String(items.examples?.[0] ?? "") : ""}
                    autoComplete="off"
                    onBlur={props.onBlur}
                    onChange={(event) => {
                      onChange(lines.with(index, isPhone ? event.currentTarget.value.trim() : event.currentTarget.value));
                    }}
                    {...(index === 0 ? { ref: onElement } : {})}
                  />
                  {!isReadOnly && !isPhone && index > 0 && (
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size={36}
                      aria-label={`Move up: ${name}`}
                      onClick={() => {
                        onChange(lines.with(index, lines[index - 1] ?? "").with(index - 1, line));
                      }}
                    >
                      <IconArrowUp size={17} stroke={1.6} />
                    </ActionIcon>
                  )}
                  {!isReadOnly && (
                    <ActionIcon
                      variant="subtle"
                      color="gray"
                      size={36}
                      aria-label={`Remove: ${name}`}
                      onClick={() => {
                        onChange(lines.toSpliced(index, 1));
                      }}
                    >
                      <IconTrash size={17} stroke={1.6} />
                    </ActionIcon>
                  )}
                </li>
              );
            })}
          </ol>
        )}
        {mayAdd && (
          <Button variant="default" size="xs" leftSection={<IconPlus size={15} />} onClick={add}>
            {isPhone ? "Add a number" : "Add a text"}
          </Button>
        )}
      </div>
    </Input.Wrapper>
  );
}
