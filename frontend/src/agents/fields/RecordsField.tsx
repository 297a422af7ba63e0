/** A list of things with several fields each, such as transfer targets: one block per thing, drawn from its schema. */
import { ActionIcon, Button, Input, NativeSelect, TagsInput, TextInput } from "@mantine/core";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useId } from "react";
import { defaultOf, resolved, type FieldSchema } from "../schema";
import { choiceText } from "../words";
import { itemMessage, ownMessage, textsOf, type FieldProps } from "./FieldProps";
import { Help } from "./Help";
import classes from "./Lines.module.css";

/** What one of them is called. */
const ONE_OF: Record<string, string> = {
  transfer_targets: "transfer target",
  "settings.after_call.summary_fields": "field",
};

type Thing = Record<string, unknown>;

export default function RecordsField({ onElement, ...props }: FieldProps) {
  const { schema, onChange, isReadOnly } = props;
  const things = Array.isArray(props.value) ? (props.value as Thing[]) : [];
  const item = resolved(schema.items ?? {});
  const one = ONE_OF[props.path] ?? "entry";
  const labelId = useId();
  const mayAdd = !isReadOnly && things.length < (schema.maxItems ?? Infinity);
  return (
    <Input.Wrapper
      labelElement="div"
      label={props.label}
      labelProps={{ id: labelId }}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
    >
      <div className={classes.lines} role="group" aria-labelledby={labelId}>
        {things.length > 0 && (
          <ol className={classes.list}>
            {things.map((thing, index) => (
              <li key={index} className={classes.record}>
                <div className={classes.recordFields} role="group" aria-label={`${one} ${String(index + 1)}`}>
                  {Object.entries(item.properties ?? {}).map(([name, property], place) => (
                    <Part
                      key={name}
                      name={name}
                      schema={resolved(property)}
                      value={thing[name]}
                      error={itemMessage(props.error, index, name)}
                      isReadOnly={isReadOnly}
                      onBlur={props.onBlur}
                      onChange={(value) => {
                        onChange(things.with(index, { ...thing, [name]: value }));
                      }}
                      {...(index === 0 && place === 0 ? { onElement } : {})}
                    />
                  ))}
                </div>
                {!isReadOnly && (
                  <ActionIcon
                    variant="subtle"
                    color="gray"
                    size={36}
                    aria-label={`Remove: ${one} ${String(thing["name"] || index + 1)}`}
                    onClick={() => {
                      onChange(things.toSpliced(index, 1));
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
              onChange([...things, defaultOf(item)]);
            }}
          >
            Add a {one}
          </Button>
        )}
      </div>
    </Input.Wrapper>
  );
}

interface PartProps extends Pick<FieldProps, "isReadOnly" | "onChange" | "onBlur"> {
  name: string;
  schema: FieldSchema;
  value: unknown;
  error: string | undefined;
  onElement?: FieldProps["onElement"];
}

function Part({ onElement, name, schema, value, error, isReadOnly, onBlur, onChange }: PartProps) {
  const shared = { label: schema.title ?? name, error, onBlur };
  if (schema.enum) {
    return (
      <NativeSelect
        {...shared}
        data={schema.enum.map((choice) => ({ value: choice, label: choiceText(name, choice) }))}
        value={String(value)}
        disabled={isReadOnly}
        onChange={(event) => {
          onChange(event.currentTarget.value);
        }}
      />
    );
  }
  if (schema.type === "array") {
    return (
      <TagsInput {...shared} value={textsOf(value)} readOnly={isReadOnly} onChange={onChange} acceptValueOnBlur />
    );
  }
  return (
    <TextInput
      {...shared}
      {...(onElement === undefined ? {} : { ref: onElement })}
      value={typeof value === "string" ? value : ""}
      readOnly={isReadOnly}
      type={name === "number" ? "tel" : "text"}
      placeholder={name === "number" ? "+13125550100" : ""}
      autoComplete="off"
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
    />
  );
}
