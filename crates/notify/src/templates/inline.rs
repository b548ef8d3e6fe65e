//! Puts partials in the place of what includes them: all variables are copied for each that is included.
//! Knows no file.

use std::collections::HashMap;
use std::mem::take;

use handlebars::Template;
use handlebars::template::{DecoratorTemplate, TemplateElement};

/// The same template, with the elements of a partial wherever one is included as it is: with no
/// variables of its own, and no block that it is to hold. What fails there fails where it was included.
///
/// It is only the same when no partial includes itself, or names what lies outside of it by `../`.
pub(super) fn inlined(mut template: Template, known: &HashMap<String, Template>) -> Template {
    let elements = take(&mut template.elements);
    let mut places = take(&mut template.mapping).into_iter();
    for element in elements {
        let place = places.next();
        let elements = match element {
            TemplateElement::PartialExpression(included) => {
                match included_as_it_is(&included, known) {
                    Some(partial) => inlined(partial.clone(), known).elements,
                    None => vec![TemplateElement::PartialExpression(included)],
                }
            }
            TemplateElement::HelperBlock(mut block) => {
                block.template = block.template.map(|inner| inlined(inner, known));
                block.inverse = block.inverse.map(|inner| inlined(inner, known));
                vec![TemplateElement::HelperBlock(block)]
            }
            TemplateElement::PartialBlock(mut block) => {
                block.template = block.template.map(|inner| inlined(inner, known));
                vec![TemplateElement::PartialBlock(block)]
            }
            other => vec![other],
        };
        for element in elements {
            template.elements.push(element);
            template.mapping.extend(place.clone());
        }
    }
    template
}

fn included_as_it_is<'a>(
    included: &DecoratorTemplate,
    known: &'a HashMap<String, Template>,
) -> Option<&'a Template> {
    let is_as_it_is = included.params.is_empty() && included.hash.is_empty();
    known.get(included.name.as_name()?).filter(|_| is_as_it_is)
}

#[cfg(test)]
mod tests {
    use crate::templates::built_in::BUILT_IN;
    use crate::{Composer, ComposerSettings, Locale, Recipient, TemplateFiles, Templates, samples};

    fn composer(templates: Templates) -> Composer {
        Composer::new(ComposerSettings {
            templates,
            ..ComposerSettings::default()
        })
        .unwrap()
    }

    #[test]
    fn every_mail_is_the_same_with_partials_in_the_place_of_what_includes_them() {
        // Somebody's own templates are rendered as they are.
        let files = BUILT_IN.iter().fold(TemplateFiles::none(), |files, file| {
            files.with(file.0, file.1)
        });
        let as_they_are = composer(Templates::builder().files(files).build());
        let inlined = composer(Templates::built_in());
        for locale in Locale::BUILT_IN {
            let reader = Recipient {
                address: "admin@example.com".to_owned(),
                locale: Some(locale),
                time_zone: None,
            };
            for sample in samples::all() {
                let expected = as_they_are.preview_sample(&sample, &reader).unwrap();
                let mail = inlined.preview_sample(&sample, &reader).unwrap();
                assert_eq!(mail, expected, "{}", sample.name());
            }
        }
    }
}
