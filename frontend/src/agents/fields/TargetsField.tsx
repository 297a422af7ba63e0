/** The places to which callers may be sent: a name that the model sees, a number that it never sees, when to use it. */
import { ActionIcon, Button, Input, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useId } from "react";
import { defaultOf, resolved } from "../schema";
import { itemMessage, ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";
import classes from "./Lines.module.css";

type Target = Record<string, string>;

export function TargetsField({ onElement, ...props }: FieldProps) {
  const { schema, onChange, isReadOnly } = props;
  const targets = Array.isArray(props.value) ? (props.value as Target[]) : [];
  const item = resolved(schema.items ?? {});
  const labelId = useId();
  const mayAdd = !isReadOnly && targets.length < (schema.maxItems ?? Infinity);
  return (
    <Input.Wrapper
      labelElement="div"
      label={props.label}
      labelProps={{ id: labelId }}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
    >
      <div className={classes.lines} role="group" aria-labelledby={labelId}>
        {targets.length > 0 && (
          <ol className={classes.list}>
            {targets.map((target, index) => (
              <li key={index} className={classes.target} aria-label={`Transfer target ${String(index + 1)}`}>
                {Object.entries(item.properties ?? {}).map(([name, property], place) => (
                  <TextInput
                    key={name}
                    label={resolved(property).title}
                    error={itemMessage(props.error, index, name)}
                    value={target[name] ?? ""}
                    readOnly={isReadOnly}
                    type={name === "number" ? "tel" : "text"}
                    placeholder={name === "number" ? "+13125550100" : ""}
                    autoComplete="off"
                    onBlur={props.onBlur}
                    onChange={(event) => {
                      onChange(targets.with(index, { ...target, [name]: event.currentTarget.value }));
                    }}
                    {...(index === 0 && place === 0 ? { ref: onElement } : {})}
                  />
                ))}
                {!isReadOnly && (
                  <ActionIcon
                    className={classes.remove ?? ""}
                    variant="subtle"
                    color="gray"
                    size={36}
                    aria-label={`Remove: transfer target ${target["name"] || String(index + 1)}`}
                    onClick={() => {
                      onChange(targets.toSpliced(index, 1));
                    }}
                  >
                    <IconTrash size={17} stroke={1.6} />
                  </ActionIcon>
                )}
              </li>
            ))}
          </ol>
        )}
        {mayAdd && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconPlus size={15} />}
            onClick={() => {
              onChange([...targets, defaultOf(item)]);
            }}
          >
            Add a transfer target
          </Button>
        )}
      </div>
    </Input.Wrapper>
  );
}
